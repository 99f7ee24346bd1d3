// Ed25519 (RFC 8032) with a key derived from a password of any length, as in MariaDB's client_ed25519. EVP's Ed25519 takes seeds of 32 bytes only. The scalar
// is therefore multiplied on the same curve in its Weierstrass form, Wei25519, with OpenSSL's EC_POINT_mul.
//
//     Edwards     (x, y)  -x^2 + y^2 = 1 + d x^2 y^2
//     Montgomery  (u, v)  v^2 = u^3 + A u^2 + u, A = 486662      x = c u / v, y = (u - 1) / (u + 1), c^2 = -(A + 2)
//     Weierstrass (X, Y)  Y^2 = X^3 + a X + b                    u = X - A / 3, v = Y
//
// Sources: RFC 7748, 4.1, for the first map and both base points; draft-ietf-lwig-curve-representations, appendix C and E, for the second map and the numbers.

import COpenSSL
import Wire

/// Signs with keys derived from passwords. Not for use by several threads at once.
final class Ed25519Password {
    private static let prime = "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed"
    private static let order = "1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed"
    private static let weierstrassA = "2aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa984914a144"
    private static let weierstrassB = "7b425ed097b425ed097b425ed097b425ed097b425ed097b4260b5e9c7710c864"
    private static let baseX = "2aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaad245a"
    private static let baseY = "20ae19a1b8a086b4e01edd2c7748d14c923d4d7e6d7c61b229e9c5a27eced3d9"
    /// A / 3.
    private static let shift = "2aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaad2451"
    /// The square root of -(A + 2) that maps base point to base point.
    private static let scale = "70d9120b9f5ff9442d84f723fc03b0813a5e2c2eb482e57d3391fb5500ba81e7"

    private let context: OpaquePointer
    private let group: OpaquePointer
    private let prime: OpaquePointer
    private let order: OpaquePointer
    private let shift: OpaquePointer
    private let scale: OpaquePointer

    /// - Throws: `libraryFailed` without memory, or when the library rejects the curve.
    init() throws(DatabaseCryptographyError) {
        guard let context = BN_CTX_new() else { throw .libraryFailed("BN_CTX_new") }
        // A failure frees the earlier objects here, because `deinit` runs only for complete values.
        var numbers: [OpaquePointer] = []
        for text in [Self.prime, Self.order, Self.shift, Self.scale, Self.weierstrassA, Self.weierstrassB, Self.baseX, Self.baseY] {
            var number: OpaquePointer?
            guard BN_hex2bn(&number, text) == Int32(text.utf8.count), let number else { break }
            numbers.append(number)
        }
        guard numbers.count == 8, let group = Self.group(numbers, context) else {
            for number in numbers { BN_free(number) }
            BN_CTX_free(context)
            throw .libraryFailed(openSSLReason("EC_GROUP_new_curve_GFp"))
        }
        for number in numbers[4...] { BN_free(number) }
        (self.context, self.group) = (context, group)
        (prime, order, shift, scale) = (numbers[0], numbers[1], numbers[2], numbers[3])
    }

    deinit {
        for number in [prime, order, shift, scale] { BN_free(number) }
        EC_GROUP_free(group)
        BN_CTX_free(context)
    }

    private static func group(_ numbers: [OpaquePointer], _ context: OpaquePointer) -> OpaquePointer? {
        guard let group = EC_GROUP_new_curve_GFp(numbers[0], numbers[4], numbers[5], context) else { return nil }
        guard let cofactor = BN_new(), let base = EC_POINT_new(group) else {
            EC_GROUP_free(group)
            return nil
        }
        defer {
            BN_free(cofactor)
            EC_POINT_free(base)
        }
        guard BN_set_word(cofactor, 8) == 1, EC_POINT_set_affine_coordinates(group, base, numbers[6], numbers[7], context) == 1,
            EC_GROUP_set_generator(group, base, numbers[1], cofactor) == 1
        else {
            EC_GROUP_free(group)
            return nil
        }
        return group
    }

    /// Returns the signature of `message`: the point R and the number S, 32 bytes each.
    func sign(_ message: [UInt8], password: [UInt8]) throws(DatabaseCryptographyError) -> [UInt8] {
        var expanded = try openSSLDigest(password, EVP_sha512())
        expanded[0] &= 248
        expanded[31] = expanded[31] & 127 | 64
        let prefix = Array(expanded[32...])
        return try numbers(4) { scratch throws(DatabaseCryptographyError) in
            let (secret, nonce, challenge, sum) = (scratch[0], scratch[1], scratch[2], scratch[3])
            try read(Array(expanded[..<32]), into: secret)
            BN_set_flags(secret, BN_FLG_CONSTTIME)
            try reduce(openSSLDigest(prefix + message, EVP_sha512()), into: nonce)
            BN_set_flags(nonce, BN_FLG_CONSTTIME)
            let point = try multiplyBase(nonce)
            let key = try multiplyBase(secret)
            try reduce(openSSLDigest(point + key + message, EVP_sha512()), into: challenge)
            guard BN_mod_mul(sum, challenge, secret, order, context) == 1, BN_mod_add(sum, sum, nonce, order, context) == 1 else {
                throw .libraryFailed(openSSLReason("BN_mod_mul"))
            }
            return point + (try bytes(sum))
        }
    }

    /// Multiplies the base point by `scalar` and encodes the result in the Edwards form: y, with the lowest bit of x in the highest bit.
    private func multiplyBase(_ scalar: OpaquePointer) throws(DatabaseCryptographyError) -> [UInt8] {
        guard let point = EC_POINT_new(group) else { throw .libraryFailed("EC_POINT_new") }
        defer { EC_POINT_clear_free(point) }
        return try numbers(4) { scratch throws(DatabaseCryptographyError) in
            let (u, v, x, y) = (scratch[0], scratch[1], scratch[2], scratch[3])
            guard EC_POINT_mul(group, point, scalar, nil, nil, context) == 1, EC_POINT_get_affine_coordinates(group, point, u, v, context) == 1,
                BN_mod_sub(u, u, shift, prime, context) == 1,
                // x = c u / v
                BN_mod_inverse(x, v, prime, context) != nil, BN_mod_mul(x, x, u, prime, context) == 1, BN_mod_mul(x, x, scale, prime, context) == 1,
                // y = (u - 1) / (u + 1)
                BN_copy(v, u) != nil, BN_add_word(v, 1) == 1, BN_mod_inverse(y, v, prime, context) != nil, BN_sub_word(u, 1) == 1,
                BN_mod_mul(y, y, u, prime, context) == 1
            else { throw .libraryFailed(openSSLReason("EC_POINT_mul")) }
            var encoded = try bytes(y)
            if BN_is_odd(x) == 1 { encoded[31] |= 0x80 }
            return encoded
        }
    }

    /// Runs `body` with temporary numbers, which are cleared afterwards.
    private func numbers<Result>(
        _ count: Int, _ body: ([OpaquePointer]) throws(DatabaseCryptographyError) -> Result
    ) throws(DatabaseCryptographyError) -> Result {
        let numbers = (0..<count).compactMap { _ in BN_new() }
        defer { for number in numbers { BN_clear_free(number) } }
        guard numbers.count == count else { throw .libraryFailed("BN_new") }
        return try body(numbers)
    }

    private func read(_ littleEndian: [UInt8], into number: OpaquePointer) throws(DatabaseCryptographyError) {
        guard BN_lebin2bn(littleEndian, Int32(littleEndian.count), number) != nil else { throw .libraryFailed("BN_lebin2bn") }
    }

    private func reduce(_ littleEndian: [UInt8], into number: OpaquePointer) throws(DatabaseCryptographyError) {
        try read(littleEndian, into: number)
        guard BN_div(nil, number, number, order, context) == 1 else { throw .libraryFailed("BN_div") }
    }

    private func bytes(_ number: OpaquePointer) throws(DatabaseCryptographyError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 32)
        guard BN_bn2lebinpad(number, &bytes, 32) == 32 else { throw .libraryFailed("BN_bn2lebinpad") }
        return bytes
    }
}
