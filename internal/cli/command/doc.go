// Package command is what all commands of both programs share: how a command line is run,
// exit codes, wrong usage, the configuration file, the log and JSON output.
//
// A command is a function that takes an [App] and returns a *cobra.Command. A test makes an
// App, or runs a whole command line by [Run], without executing a program.
package command
