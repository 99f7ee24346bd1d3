// PCRE2 for bytes: the library has one set of functions for each width of a character.
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
