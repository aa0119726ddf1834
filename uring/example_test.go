package uring_test

import (
	"fmt"
	"log"
	"os"
	"runtime"

	"github.com/farswap/farswap/offheap"
	"github.com/farswap/farswap/uring"
)

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// A ring writes a text to a file and reads it back.
func ExampleRing() {
	file, err := os.CreateTemp("", "example")
	must(err)
	defer os.Remove(file.Name())
	mem, err := offheap.Map(4096, offheap.Options{Populate: true})
	must(err)
	n := uint32(copy(mem, "written by io_uring"))

	runtime.LockOSThread() // a ring belongs to one thread
	defer runtime.UnlockOSThread()
	ring, err := uring.New(uring.Config{Entries: 4})
	must(err)
	fd := int32(file.Fd())
	do := func(prepare func(*uring.SQE)) int32 {
		prepare(ring.SQE())
		must(ring.SubmitAndWait(1, -1))
		cqe, _ := ring.Next()
		return cqe.Res
	}
	fmt.Println(do(func(s *uring.SQE) { s.Write(fd, offheap.Pointer(mem), n, 0) }))
	clear(mem)
	fmt.Println(do(func(s *uring.SQE) { s.Read(fd, offheap.Pointer(mem), 4096, 0) }))
	fmt.Printf("%s\n", mem[:n])

	must(ring.Close())
	must(offheap.Unmap(mem))
	must(file.Close())
	// Output:
	// 19
	// 19
	// written by io_uring
}

// A loop gives each completion to the handler that prepared the operation.
func ExampleLoop() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	loop, err := uring.NewLoop(uring.Config{Entries: 4})
	must(err)
	left := 2
	class := loop.Attach(uring.HandlerFunc(func(id uint64, res int32, _ uint32) {
		fmt.Println("operation", id, "ended with", res)
		left--
	}))
	loop.SQE(class, 7).Nop()
	loop.Post(func() { loop.SQE(class, 8).Nop() }) // from any goroutine
	for left > 0 {
		must(loop.Pass(-1))
	}
	must(loop.Close())
	// Output:
	// operation 7 ended with 0
	// operation 8 ended with 0
}
