#include <stdint.h>

/* What a host can call is exported by name; what the program needs from a host is imported:
   __attribute__((import_module("host:storage/kv@1.0.0"), import_name("get"))) */
#define EXPORT(name) __attribute__((export_name(#name)))

EXPORT(double) int32_t twice(int32_t value) { return value * 2; }
