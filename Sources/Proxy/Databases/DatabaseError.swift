import Wire

/// Why a session with a database ended otherwise than in order.
package enum DatabaseError: Error, Equatable, Sendable {
    /// The server turned the login away, for none of the next three reasons: full, blocked, shutting down, TLS demanded.
    case refused(MySQLErrorPacket)
    /// The server knows no such user, or the password is wrong, or the user may not come from here.
    case accessDenied(MySQLErrorPacket)
    /// The user is locked, for good or after too many wrong passwords.
    case accountLocked(MySQLErrorPacket)
    /// The user must set a new password.
    case passwordExpired(MySQLErrorPacket)
    /// What came is not of the protocol, or more than is taken: what it was.
    case protocolViolation(String)
    /// The server asks for a method that is not known here; its name.
    case methodUnknown(String)
    /// The server asks for the password in clear, which it never gets; the method's name.
    case methodRefused(String)
    /// TLS is required, and the server does not offer it.
    case tlsNotOffered
    /// The server's certificate is not trusted: why.
    case certificateInvalid(String)
    /// The TLS handshake or stream failed: the library's words.
    case tlsFailed(String)
    /// The server closed the connection in the midst.
    case closed
    /// The cryptography failed here, or on a key of the server's: why.
    case cryptographyFailed(String)

    /// By the server's error: which of the first four.
    package init(_ error: MySQLErrorPacket) {
        self =
            switch error.code {
            case _ where error.isAccessDenied: .accessDenied(error)
            // MySQL's ER_ACCOUNT_HAS_BEEN_LOCKED and ER_USER_ACCESS_DENIED_FOR_USER_ACCOUNT_BLOCKED_BY_PASSWORD_LOCK; MariaDB's ER_USER_IS_BLOCKED
            // and ER_ACCOUNT_HAS_BEEN_LOCKED
            case 3118, 3955, 4150, 4151: .accountLocked(error)
            // ER_MUST_CHANGE_PASSWORD, ER_MUST_CHANGE_PASSWORD_LOGIN
            case 1820, 1862: .passwordExpired(error)
            default: .refused(error)
            }
    }

    /// The server's own words, where it had some.
    package var serverError: MySQLErrorPacket? {
        switch self {
        case .refused(let error), .accessDenied(let error), .accountLocked(let error), .passwordExpired(let error): error
        case .protocolViolation, .methodUnknown, .methodRefused, .tlsNotOffered, .certificateInvalid, .tlsFailed, .closed, .cryptographyFailed: nil
        }
    }
}

extension DatabaseError: CustomStringConvertible {
    /// One line, without the password. It contains the server's text unescaped: show it by `shown`.
    package var description: String {
        switch self {
        case .refused(let error): "refused: error \(error.code) \(error.text)"
        case .accessDenied(let error): "access denied: error \(error.code) \(error.text)"
        case .accountLocked(let error): "account locked: error \(error.code) \(error.text)"
        case .passwordExpired(let error): "password expired: error \(error.code) \(error.text)"
        case .protocolViolation(let what): "not the MySQL protocol: \(what)"
        case .methodUnknown(let name): "the server asks for the authentication method '\(name)', which is not known here"
        case .methodRefused(let name): "the server asks for the password in clear ('\(name)'), which is never sent"
        case .tlsNotOffered: "TLS is required, and the server does not offer it"
        case .certificateInvalid(let reason): "the server's certificate is not trusted: \(reason)"
        case .tlsFailed(let reason): "TLS failed: \(reason)"
        case .closed: "the server closed the connection"
        case .cryptographyFailed(let reason): "cryptography failed: \(reason)"
        }
    }
}
