import Wire

/// Why a session with a database failed.
package enum DatabaseError: Error, Equatable, Sendable {
    /// The server refused the login for a reason other than the next three: full, blocked, shutting down, TLS required.
    case refused(MySQLErrorPacket)
    /// The user is unknown, the password is wrong, or the user may not connect from this host.
    case accessDenied(MySQLErrorPacket)
    /// The user is locked, permanently or after too many wrong passwords.
    case accountLocked(MySQLErrorPacket)
    /// The user must set a new password.
    case passwordExpired(MySQLErrorPacket)
    /// The bytes do not follow the protocol, or exceed a limit. The text says what is wrong.
    case protocolViolation(String)
    /// The server requests an unknown authentication method with this name.
    case methodUnknown(String)
    /// The server requests the password in cleartext, which is never sent. The value is the method's name.
    case methodRefused(String)
    /// TLS is required but the server does not offer it.
    case tlsNotOffered
    /// The server's certificate is not trusted. The value is the reason.
    case certificateInvalid(String)
    /// The TLS handshake or stream failed. The value is the library's text.
    case tlsFailed(String)
    /// The server closed the connection before the end of the session.
    case closed
    /// Cryptography failed on this node or with the server's key. The value is the reason.
    case cryptographyFailed(String)

    /// Creates one of the first four cases from the server's error.
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

    /// The server's error, if it sent one.
    package var serverError: MySQLErrorPacket? {
        switch self {
        case .refused(let error), .accessDenied(let error), .accountLocked(let error), .passwordExpired(let error): error
        case .protocolViolation, .methodUnknown, .methodRefused, .tlsNotOffered, .certificateInvalid, .tlsFailed, .closed, .cryptographyFailed: nil
        }
    }
}

extension DatabaseError: CustomStringConvertible {
    /// A line of text without the password. It contains the server's text unescaped: use `shown` for output.
    package var description: String {
        switch self {
        case .refused(let error): "refused: error \(error.code) \(error.text)"
        case .accessDenied(let error): "access denied: error \(error.code) \(error.text)"
        case .accountLocked(let error): "account locked: error \(error.code) \(error.text)"
        case .passwordExpired(let error): "password expired: error \(error.code) \(error.text)"
        case .protocolViolation(let what): "not the MySQL protocol: \(what)"
        case .methodUnknown(let name): "the server asks for authentication method '\(name)', which tsukada does not support"
        case .methodRefused(let name): "the server asks for a cleartext password ('\(name)'), which tsukada never sends"
        case .tlsNotOffered: "TLS is required, but the server does not offer it"
        case .certificateInvalid(let reason): "the server's certificate is not trusted: \(reason)"
        case .tlsFailed(let reason): "TLS failed: \(reason)"
        case .closed: "the server closed the connection"
        case .cryptographyFailed(let reason): "cryptography failed: \(reason)"
        }
    }
}
