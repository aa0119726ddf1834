package workload

// All is every workload, in the order in which they are listed.
func All() []Workload {
	all := []Workload{memcachedETC, memcachedSYS, redisGauss, redisUniform, postgres}
	for _, p := range programs {
		all = append(all, p.workload())
	}
	return all
}
