package advice

import "github.com/farswap/farswap/internal/devserver"

// devserverAdvice stands before that about numbers that are taken: this error wraps one of them.
var devserverAdvice = []advice{
	{about: devserver.ErrLeft, say: "`farswap ublk list` says what helps it; or choose another --id"},
	{about: devserver.ErrOrphaned, say: "`farswap ublk list` says what helps it"},
}
