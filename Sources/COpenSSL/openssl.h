// What Sources/LinuxIO/Seals.swift needs of OpenSSL 3: ciphers, digests, HKDF, random bytes.
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>
