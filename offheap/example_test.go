package offheap_test

import (
	"fmt"
	"log"

	"github.com/farswap/farswap/offheap"
)

// Memory for a device's buffers: page-aligned, and where it is until Unmap.
func ExampleMap() {
	mem, err := offheap.Map(1<<20, offheap.Options{Populate: true})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(mem), mem[0], uintptr(offheap.Pointer(mem))%4096)
	if err := offheap.Unmap(mem); err != nil {
		log.Fatal(err)
	}
	// Output: 1048576 0 0
}

// A structure that the kernel reads while Go code runs.
func ExampleNew() {
	type timespec struct{ Sec, Nsec int64 }
	times, free, err := offheap.New[timespec](2)
	if err != nil {
		log.Fatal(err)
	}
	times[1] = timespec{Sec: 3}
	fmt.Println(len(times), times[0], times[1])
	if err := free(); err != nil {
		log.Fatal(err)
	}
	// Output: 2 {0 0} {3 0}
}
