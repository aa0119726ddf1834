package advice

import "github.com/farswap/farswap/internal/devserver"

// devserverAdvice stands before that about numbers that are taken: this error wraps one of them.
var devserverAdvice = []advice{
	{about: devserver.ErrLeft, say: "remove its device with `farswap ublk del`, or choose another --id"},
	{about: devserver.ErrOrphaned, say: "`farswap ublk del` removes it; while it is in use, only with --force, which loses what is on it"},
}
