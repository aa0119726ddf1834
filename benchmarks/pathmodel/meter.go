package pathmodel

import (
	"errors"
	"os"
)

// Parts of a contender, as indexes of what they have used.
const (
	application = iota
	device
	server
	parts
)

// meter measures what the parts of a contender use in a burst.
type meter struct {
	contender *contender
	// point is the tracepoint of system calls, 0: they are not counted.
	point uint64

	before   [parts]map[task]used
	counters [parts]*callCounter
	used     [parts]used // valid after end
}

func (m *meter) begin(tids []int) error {
	var own []task
	for _, tid := range tids {
		own = append(own, task{os.Getpid(), tid})
	}
	m.before[application] = make(map[task]used)
	for _, t := range own {
		m.before[application][t] = used{}
	}
	for part := range parts {
		tasks, err := m.tasks(part)
		if err != nil {
			return err
		}
		if m.before[part], err = readTasks(tasks); err != nil {
			return err
		}
		if m.point == 0 {
			continue
		}
		if m.counters[part], err = openCallCounter(tasks, m.point); err != nil {
			return errors.Join(err, m.closeCounters())
		}
	}
	return nil
}

// tasks are the threads of a part now. Those of the application are the ones that began.
func (m *meter) tasks(part int) (all []task, err error) {
	switch part {
	case device:
		return m.contender.device()
	case server:
		return m.contender.server()
	}
	for t := range m.before[application] {
		all = append(all, t)
	}
	return all, nil
}

func (m *meter) end() (err error) {
	defer func() { err = errors.Join(err, m.closeCounters()) }()
	for part := range parts {
		tasks, err := m.tasks(part)
		if err != nil {
			return err
		}
		after, err := readTasks(tasks)
		if err != nil {
			return err
		}
		m.used[part] = difference(m.before[part], after)
		if m.counters[part] == nil {
			continue
		}
		if m.used[part].calls, err = m.counters[part].count(); err != nil {
			return err
		}
	}
	return nil
}

func (m *meter) closeCounters() (err error) {
	for part, c := range m.counters {
		if c != nil {
			err = errors.Join(err, c.close())
			m.counters[part] = nil
		}
	}
	return err
}

func readTasks(tasks []task) (map[task]used, error) {
	all := make(map[task]used, len(tasks))
	for _, t := range tasks {
		u, err := t.read()
		if err != nil {
			return nil, err
		}
		all[t] = u
	}
	return all, nil
}

// difference is what threads have used between two moments. Those that began in between count
// in whole; what those used that ended in between is not known any more.
func difference(before, after map[task]used) (sum used) {
	for t, u := range after {
		sum = sum.add(u.since(before[t]))
	}
	return sum
}
