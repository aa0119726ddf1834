package verbs_test

import (
	"fmt"

	"github.com/farswap/farswap/verbs"
)

// A credential can stand in a log: it does not print its secret.
func ExampleCredential() {
	fmt.Printf("%v %+v\n", verbs.NewCredential(7), verbs.Key(0xc0ffee))
	// Output: credential(session 7, secret hidden) key(hidden)
}

// A status becomes an error that can be compared.
func ExampleStatus_Err() {
	c := verbs.Completion{ID: 7, Op: verbs.OpRead, Status: verbs.StatusRemoteAccess}
	if err := c.Status.Err(); err != nil {
		fmt.Printf("%v %d: %v\n", c.Op, c.ID, err)
	}
	// Output: read 7: remote access error: key or bounds refused by the server
}
