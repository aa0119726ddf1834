package workload

// All has every workload, in the order of listings.
func All() []Workload {
	all := []Workload{memcachedETC, memcachedSYS, redisGauss, redisUniform, postgres}
	for _, p := range programs {
		all = append(all, p.workload())
	}
	return all
}
