/// The reason why a login's method failed.
package enum MySQLAuthenticationError: Error, Equatable, Sendable {
    /// The server requests a method that is not supported. The value is its name.
    case unknownMethod(String)
    /// The server requests the password in clear text (`mysql_clear_password`, `dialog`), which is never sent.
    case requestsClearPassword(String)
    /// The server's seed is too short for the method.
    case seedTooShort(method: String)
    /// The server sent a packet that the method does not have at this point.
    case unexpected(method: String)
    /// The library failed, or the server's key is unusable.
    case cryptography(DatabaseCryptographyError)
}

/// An authentication method: how a login proves that it knows the password.
package enum MySQLMethod: String, CaseIterable, Sendable {
    /// SHA-1: MySQL until 8.4, MariaDB's default.
    case native = "mysql_native_password"
    /// SHA-256 if the server has the user in its cache, otherwise the password itself, over TLS or encrypted with RSA. MySQL's default since 8.0.
    case cachingSHA2 = "caching_sha2_password"
    /// MariaDB's signature with a key that is derived from the password.
    case ed25519 = "client_ed25519"

    /// The number of seed bytes that the method uses. A NUL that follows is ignored.
    package var seedBytes: Int { self == .ed25519 ? 32 : 20 }

    /// Returns the method of this name.
    package init(name: String) throws(MySQLAuthenticationError) {
        if name == "mysql_clear_password" || name == "dialog" { throw .requestsClearPassword(name) }
        guard let method = MySQLMethod(rawValue: name) else { throw .unknownMethod(name) }
        self = method
    }
}

/// The exchange of one method, from the server's seed to its last packet before the result.
///
///     method        client                              server
///     native        SHA1(p) xor SHA1(seed SHA1(SHA1(p)))                             OK or ERR
///     ed25519       signature of the seed                                            OK or ERR
///     cachingSHA2   SHA256(p) xor SHA256(SHA256(SHA256(p)) seed)                     03, then OK; or 04; or ERR
///                   after 04, on TLS: p NUL                                          OK or ERR
///                   after 04, in clear: 02                                           its RSA key, PEM
///                                       RSA-OAEP((p NUL) xor seed repeated)          OK or ERR
///
/// An empty password is sent as an empty answer in every method.
///
/// - SeeAlso: MySQL source documentation, "Native Authentication", "Caching_sha2_password information"; MariaDB, "Authentication Plugin - ed25519".
package struct MySQLAuthentication: Sendable {
    private enum Step: Equatable, Sendable {
        case answered
        case keyRequested
        case wholePasswordSent
    }

    /// The method of this exchange.
    package let method: MySQLMethod
    private let seed: [UInt8]
    private let password: DatabasePassword
    private var step = Step.answered

    /// Creates the exchange with the server's seed.
    package init(_ method: MySQLMethod, seed: [UInt8], password: DatabasePassword) throws(MySQLAuthenticationError) {
        guard seed.count >= method.seedBytes else { throw .seedTooShort(method: method.rawValue) }
        self.method = method
        self.seed = Array(seed.prefix(method.seedBytes))
        self.password = password
    }

    /// Returns the first answer, which is sent in the login packet or after a method switch.
    package func answer(_ cryptography: any DatabaseCryptography) throws(MySQLAuthenticationError) -> [UInt8] {
        let password = password.bytes
        guard !password.isEmpty else { return [] }
        do throws(DatabaseCryptographyError) {
            switch method {
            case .native:
                let hash = try cryptography.sha1(password)
                return Self.xor(hash, try cryptography.sha1(seed + cryptography.sha1(hash)))
            case .cachingSHA2:
                let hash = try cryptography.sha256(password)
                return Self.xor(hash, try cryptography.sha256(cryptography.sha256(hash) + seed))
            case .ed25519:
                return try cryptography.sign(seed, password: password)
            }
        } catch {
            throw .cryptography(error)
        }
    }

    /// Takes in the method's further data from the server (`AuthMoreData`).
    ///
    /// - Parameter isPrivate: true when the stream is TLS, so that no third party can read it.
    /// - Returns: the bytes to send; `nil` when the server's result comes next.
    package mutating func handleMoreData(_ more: [UInt8], isPrivate: Bool, _ cryptography: any DatabaseCryptography) throws(MySQLAuthenticationError)
        -> [UInt8]?
    {
        guard method == .cachingSHA2 else { throw .unexpected(method: method.rawValue) }
        switch (step, more) {
        case (.answered, [3]):
            step = .wholePasswordSent
            return nil
        case (.answered, [4]) where isPrivate:
            step = .wholePasswordSent
            return password.bytes + [0]
        case (.answered, [4]):
            step = .keyRequested
            return [2]
        case (.keyRequested, _):
            step = .wholePasswordSent
            let padding = (0...(password.bytes.count / seed.count)).flatMap { _ in seed }
            do throws(DatabaseCryptographyError) {
                return try cryptography.encrypt(Self.xor(password.bytes + [0], padding), publicKey: more)
            } catch {
                throw .cryptography(error)
            }
        case (.answered, _), (.wholePasswordSent, _):
            throw .unexpected(method: method.rawValue)
        }
    }

    private static func xor(_ left: [UInt8], _ right: [UInt8]) -> [UInt8] { zip(left, right).map { $0 ^ $1 } }
}
