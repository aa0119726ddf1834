#include "textflag.h"

// The System V ABI: arguments in DI, SI and DX, the result in AX. BX is the
// callee's to restore, so Go's stack pointer is kept there.
TEXT ·call(SB), NOSPLIT, $0-48
	MOVQ function+0(FP), AX
	MOVQ top+8(FP), CX
	MOVQ a+16(FP), DI
	MOVQ b+24(FP), SI
	MOVQ c+32(FP), DX
	MOVQ SP, BX
	MOVQ CX, SP
	CALL AX
	MOVQ BX, SP
	MOVQ AX, ret+40(FP)
	RET
