#include "lib.h"

#include <dlfcn.h>
#include <stdio.h>

struct fs_ibv fs_ibv;
struct fs_cm fs_cm;

// open_library keeps the library open for good: providers start threads and
// leave handlers behind, which an unloaded library must not have.
static void *open_library(const char *name, char *why, size_t size)
{
	void *library = dlopen(name, RTLD_NOW | RTLD_GLOBAL);
	if (!library)
		snprintf(why, size, "%s", dlerror());
	return library;
}

static void *find(void *library, const char *name, char *why, size_t size)
{
	void *symbol = dlsym(library, name);
	if (!symbol)
		snprintf(why, size, "%s: not in the library: it is too old", name);
	return symbol;
}

int fs_load(char *why, size_t size)
{
	void *verbs = open_library("libibverbs.so.1", why, size);
	if (!verbs)
		return -1;
	void *cm = open_library("librdmacm.so.1", why, size);
	if (!cm)
		return -1;
// POSIX lets a data pointer from dlsym stand for a function; ISO C has no cast.
#define FS_FIND(table, library, prefix, name) \
	if (!(*(void **)&table.name = find(library, #prefix #name, why, size))) \
		return -1;
#define FS_FIND_IBV(prefix, name, result, arguments) FS_FIND(fs_ibv, verbs, prefix, name)
#define FS_FIND_CM(prefix, name, result, arguments) FS_FIND(fs_cm, cm, prefix, name)
	FS_IBVERBS(FS_FIND_IBV)
	FS_RDMACM(FS_FIND_CM)
	return 0;
}
