package advice

import "github.com/farswap/farswap/internal/devserver"

// devserverAdvice stands before that about numbers that are taken: this error wraps one of them.
var devserverAdvice = []advice{
	{about: devserver.ErrLeft, say: "remove its device with `farswap ublk del`, or choose another --id"},
}
