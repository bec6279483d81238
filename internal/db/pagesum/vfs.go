package pagesum

import (
	"fmt"
	"sync"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// Name is the VFS's, for the vfs parameter of a database's address.
const Name = "cairn-pagesum"

// Parameters in the address of a database.
const (
	// ReserveParameter, set to Reserved, asks for the checksums' bytes on each page of a database that does not exist yet, and of copies that
	// VACUUM INTO makes.
	ReserveParameter = "reserve"

	// TrustParameter, set to 1, has pages of the file read without looking at their checksums, so that they can be made anew.
	TrustParameter = "trust"
)

// SQLite is C compiled to Go: structures lie outside of Go's memory and are addressed by numbers, functions are addresses of Go's
// function values.
var (
	under   *sqlite3.Tsqlite3_vfs // the system's VFS, which does all the work
	shim    sqlite3.Tsqlite3_vfs
	methods sqlite3.Tsqlite3_io_methods
)

// Register makes the VFS known under its Name. It may be called any number of times.
var Register = sync.OnceValue(register)

func register() error {
	tls := libc.NewTLS()
	defer tls.Close()
	found := sqlite3.Xsqlite3_vfs_find(tls, 0)
	if found == 0 {
		return fmt.Errorf("SQLite has no VFS for this system")
	}
	name, err := libc.CString(Name)
	if err != nil {
		return err
	}
	under = (*sqlite3.Tsqlite3_vfs)(at(found))
	fillMethods()
	// All but opening is about names, the clock and chance: the system's functions serve as they are, since they do not look at
	// which VFS they are called for.
	shim = *under
	shim.FpNext, shim.FzName = 0, name
	shim.FszOsFile = int32(unsafe.Sizeof(file{})) + under.FszOsFile
	shim.FxOpen = function(open)
	if rc := sqlite3.Xsqlite3_vfs_register(tls, address(&shim), 0); rc != sqlite3.SQLITE_OK {
		return fmt.Errorf("SQLite refuses the VFS with checksums: code %d", rc)
	}
	if rc := sqlite3.Xsqlite3_auto_extension(tls, function(reserve)); rc != sqlite3.SQLITE_OK {
		return fmt.Errorf("SQLite refuses an extension: code %d", rc)
	}
	return nil
}

// reserve runs for each connection that is opened: SQLite has no other way to ask for reserved bytes.
func reserve(tls *libc.TLS, db, _, _ uintptr) int32 {
	name := sqlite3.Xsqlite3_db_filename(tls, db, 0)
	if name == 0 {
		return sqlite3.SQLITE_OK
	}
	if sqlite3.Xsqlite3_uri_int64(tls, name, reserveParameter, 0) != Reserved {
		return sqlite3.SQLITE_OK
	}
	n := tls.Alloc(8)
	defer tls.Free(8)
	*(*int32)(at(n)) = Reserved
	return sqlite3.Xsqlite3_file_control(tls, db, 0, sqlite3.SQLITE_FCNTL_RESERVE_BYTES, n)
}

var reserveParameter, trustParameter = text(ReserveParameter), text(TrustParameter)

func text(s string) uintptr {
	p, err := libc.CString(s)
	if err != nil {
		panic(err) // out of memory before main
	}
	return p
}

// at makes a pointer of an address in SQLite's memory.
func at(p uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&p)) }

// address is that of a variable that never moves: a package's, or what lies in SQLite's memory.
func address[T any](v *T) uintptr { return uintptr(unsafe.Pointer(v)) }

// function is the address of a package's function in the form that SQLite calls.
func function(f any) uintptr { return (*[2]uintptr)(unsafe.Pointer(&f))[1] }

// call makes a Go function of an address.
func call[F any](p uintptr) F { return *(*F)(unsafe.Pointer(&p)) }

// span is memory of SQLite as a slice.
func span(p uintptr, n int32) []byte { return unsafe.Slice((*byte)(at(p)), n) }
