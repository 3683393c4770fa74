/* symbols: the oldest version of each C library function that is used.
 *
 * Knows: glibc marks functions with the version in which they came or changed;
 * a program that is bound to the newest of them starts on new systems only.
 */
#pragma once

#if defined(__x86_64__)
#define GLIBC_OLDEST "GLIBC_2.2.5"
#elif defined(__aarch64__)
#define GLIBC_OLDEST "GLIBC_2.17"
#endif

#define BIND(name) __asm__(".symver " #name "," #name "@" GLIBC_OLDEST)

BIND(dlopen);
BIND(dlsym);
BIND(dlerror);
BIND(snprintf);
BIND(write);
BIND(_exit);
BIND(dup);
BIND(dup2);
BIND(strlen);
