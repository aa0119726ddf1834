// Package flags holds the values that flags of several commands have, such as sizes, and
// groups of flags that several commands share.
package flags
