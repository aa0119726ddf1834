package offheap

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// storeAlign is the alignment of mappings in a Store's file, in bytes: the size of a huge page on most
// machines.
const storeAlign = 2 << 20

// Store is memory that another process can map, too: that of a file without a name (memfd). Its methods may be
// called from any goroutine.
type Store struct {
	file *os.File

	mu    sync.Mutex // guards the fields below; never held across a map or unmap of memory
	end   int64      // of what was ever mapped, in the file; bytes
	areas map[uint64]int64
}

// NewStore makes a store without memory. name is for people: the kernel shows it in /proc/PID/maps.
func NewStore(name string) (*Store, error) {
	const sealable = unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	fd, err := unix.MemfdCreate(name, sealable|unix.MFD_NOEXEC_SEAL)
	if errors.Is(err, unix.EINVAL) { // before Linux 6.3
		fd, err = unix.MemfdCreate(name, sealable)
	}
	if err != nil {
		return nil, fmt.Errorf("make a file of memory: %w", err)
	}
	file := os.NewFile(uintptr(fd), name)
	// A process that makes the file shorter would end every other one that touches what was there.
	if _, err := unix.FcntlInt(file.Fd(), unix.F_ADD_SEALS, unix.F_SEAL_SHRINK); err != nil {
		return nil, errors.Join(fmt.Errorf("seal a file of memory: %w", err), file.Close())
	}
	return &Store{file: file, areas: make(map[uint64]int64)}, nil
}

// OpenStore goes on with the store of another process, whose file it takes over. MapAt maps what is in it.
func OpenStore(file *os.File) (*Store, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("look at a file of memory: %w", err)
	}
	return &Store{file: file, end: info.Size(), areas: make(map[uint64]int64)}, nil
}

// File is the file of the store, for another process. It stays the store's.
func (s *Store) File() *os.File { return s.file }

// Map is the function Map for memory of the store.
func (s *Store) Map(size int, opt Options) ([]byte, error) {
	if size <= 0 {
		return nil, fmt.Errorf("map %d bytes: %w", size, unix.EINVAL)
	}
	s.mu.Lock()
	if err := s.grown(); err != nil {
		s.mu.Unlock()
		return nil, err
	}
	offset := s.end
	end := (offset + int64(size) + storeAlign - 1) / storeAlign * storeAlign
	err := unix.Ftruncate(int(s.file.Fd()), end)
	if err == nil {
		s.end = end
	}
	s.mu.Unlock()
	if err != nil {
		return nil, fmt.Errorf("lengthen a file of memory to %d bytes: %w", end, err)
	}
	mem, err := s.MapAt(offset, size, opt)
	if err != nil {
		err = errors.Join(err, s.punch(offset, size)) // what was touched before it failed
	}
	return mem, err
}

// MapAt maps memory that was mapped before, by this process or another, with its content. Offset says where
// it is in the file.
func (s *Store) MapAt(offset int64, size int, opt Options) ([]byte, error) {
	s.mu.Lock()
	err := s.grown()
	end := s.end
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	if size <= 0 || offset < 0 || offset%storeAlign != 0 || int64(size) > end-offset {
		return nil, fmt.Errorf("map %d bytes at %d of a file of memory with %d: %w", size, offset, end, unix.EINVAL)
	}
	mem, err := unix.Mmap(int(s.file.Fd()), offset, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map %d bytes of a file of memory: %w", size, err)
	}
	if err := prepare(mem, opt, touchRead); err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.areas[address(mem)] = offset
	s.mu.Unlock()
	return mem, nil
}

// grown takes note of what another process has added to the file: that must not be used twice. mu is held.
func (s *Store) grown() error {
	var info unix.Stat_t
	if err := unix.Fstat(int(s.file.Fd()), &info); err != nil {
		return fmt.Errorf("look at a file of memory: %w", err)
	}
	s.end = max(s.end, info.Size)
	return nil
}

// Offset is where memory of Map or MapAt is in the file.
func (s *Store) Offset(mem []byte) (offset int64, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	offset, ok = s.areas[address(mem)]
	return offset, ok
}

// Unmap gives memory back to the kernel, whoever has it mapped.
func (s *Store) Unmap(mem []byte) error {
	offset, ok := s.forget(mem)
	if !ok {
		return fmt.Errorf("unmap %d bytes that are not of this store: %w", len(mem), unix.EINVAL)
	}
	if err := Unmap(mem); err != nil {
		return err
	}
	return s.punch(offset, len(mem))
}

// Leave unmaps memory here and leaves its content to the other processes that have the file.
func (s *Store) Leave(mem []byte) error {
	if _, ok := s.forget(mem); !ok {
		return fmt.Errorf("leave %d bytes that are not of this store: %w", len(mem), unix.EINVAL)
	}
	return Unmap(mem)
}

func (s *Store) forget(mem []byte) (offset int64, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	offset, ok = s.areas[address(mem)]
	delete(s.areas, address(mem))
	return offset, ok
}

// punch takes the memory of a part of the file away. Whoever reads there reads zeroes.
func (s *Store) punch(offset int64, size int) error {
	whole := (int64(size) + storeAlign - 1) / storeAlign * storeAlign // the kernel keeps a page that is only part of a hole
	if err := unix.Fallocate(int(s.file.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, offset, whole); err != nil {
		return fmt.Errorf("give %d bytes of a file of memory back: %w", size, err)
	}
	return nil
}

// Close closes the file. Its memory goes when no process has it mapped or open.
func (s *Store) Close() error { return s.file.Close() }
