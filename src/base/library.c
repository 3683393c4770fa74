#include "base/library.h"

#include <dlfcn.h>
#include <string.h>

#include "base/error.h"

static int fail(const struct library *library, struct error **err)
{
	err_make(err, ERR_ENV, "cannot load the library %s: %s",
		 library->soname, dlerror());
	return err_hint(err,
			"install it; on Debian and Ubuntu the package is "
			"%s",
			library->package);
}

static int fill(struct library *library, struct error **err)
{
	void *handle = dlopen(library->soname, RTLD_NOW | RTLD_LOCAL);

	if (!handle)
		return fail(library, err);
	for (size_t i = 0; i < library->count; i++) {
		void *found = dlsym(handle, library->names[i]);

		if (!found)
			return fail(library, err);
		/* Pointers to functions have the size of all others (POSIX). */
		memcpy((char *)library->table + i * sizeof found, &found,
		       sizeof found);
	}
	return 0;
}

int library_load(struct library *library, struct error **err)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	int result = 0;

	if (atomic_load(&library->loaded))
		return 0;
	pthread_mutex_lock(&lock);
	if (!atomic_load(&library->loaded)) {
		result = fill(library, err);
		atomic_store(&library->loaded, result == 0);
	}
	pthread_mutex_unlock(&lock);
	return result;
}
