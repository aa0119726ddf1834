// Package remedy says what helps a device whose server is gone. Whoever gives such advice, in a
// list, in an error or in an examination, gets it here: it follows from what is there, and it
// never leads back to a command that would refuse.
package remedy
