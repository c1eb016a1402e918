//go:build !unix

package main

// becomeUser says that this system has no such thing.
func becomeUser(name string) error {
	if name == "" {
		return nil
	}
	return &usageError{text: "--user is not supported on this system"}
}
