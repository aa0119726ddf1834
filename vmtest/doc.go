// Package vmtest is the test suite on a real kernel, and its virtual machine.
//
// # Dangers
//
// The scenarios make block devices, swap on them, kill their servers and
// unload the driver. They belong into the virtual machine that ./do vm boots;
// the build tag vm keeps them out of `go test ./...`. Suite refuses to run
// where it was not told that this is one.
//
// # How it works
//
// The suite is one Go test binary. Each scenario has a number, a name and a
// time limit; its name goes into the kernel's log when it starts, so that what
// the kernel says can be told apart. A scenario starts processes, other
// machines (network namespaces, joined by veth pairs, with a donor in each)
// and devices through its World, which logs what they print, ends them by
// their process ids afterwards, and then checks that nothing is left: no
// device, no farswap process, no state folder, no namespace, no swap, no mount.
//
//	./do vm-long 6.12                              # all of it
//	./do vmsuite 6.12                              # the short run, as in ./do test
//	./do vmsuite 7.3 -test.run 'Suite/.*swap'      # some
//
// What each process wrote lies in out/vm/TIME/SCENARIO afterwards.
//
// The folder vm holds the machine: kernels, initramfs, first process.
package vmtest
