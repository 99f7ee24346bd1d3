import Wire

/// The credentials and the TLS mode of a login.
package struct DatabaseLogin: Hashable, Sendable {
    /// The user.
    package var user: String
    /// The password; empty for none.
    package var password: DatabasePassword
    /// Whether the session uses TLS.
    ///
    /// The server's certificate chain is verified in both TLS modes if the `DatabaseCryptography` has certificate authorities. Without them TLS protects
    /// against eavesdropping, but not against an active attacker.
    package var tls: DatabaseTLSMode
    /// The host name or address that the server's certificate must contain; `nil` for any. Ignored without certificate authorities.
    package var tlsName: String?

    /// Creates a login.
    package init(user: String, password: DatabasePassword, tls: DatabaseTLSMode = .prefer, tlsName: String? = nil) {
        self.user = user
        self.password = password
        self.tls = tls
        self.tlsName = tlsName
    }
}

/// The results of a session with a database.
package struct DatabaseReport: Equatable, Sendable {
    /// The version in the server's greeting: "8.4.3", "5.5.5-10.11.19-MariaDB-0+deb12u1".
    package var serverVersion: String
    /// True when the session used TLS.
    package var isTLS: Bool
    /// The authentication method of the login.
    package var method: MySQLMethod
    /// The server's answer to each query, in the order of the queries.
    package var answers: [MySQLAnswer]
}

/// A session with a MySQL or MariaDB server, from the greeting to COM_QUIT, without its socket and timers.
///
///     greeting --(TLS handshake)--> login --> queries, one after the other --> COM_QUIT, finished
///        |             |              |          |
///        +-------------+-- any error -+----------+--> finished
///
/// A server counts connections that end before the login against this host (`max_connect_errors`), and finally blocks the host. So when this side must not
/// continue (no TLS, an untrusted certificate, an unknown method), the session logs in without the password and finishes only after the server has refused.
package struct DatabaseSession {
    /// An action that the caller must carry out.
    package enum Output: Equatable, Sendable {
        /// Send these bytes.
        case send([UInt8])
        /// Close the connection in an orderly way after sending. This is the last action.
        case finished(Result<DatabaseReport, DatabaseError>)
    }

    /// The stage of a session.
    package enum Stage: Equatable, Sendable {
        /// The server has not sent its greeting.
        case greeting
        /// After the greeting, before the server's answer to the login.
        case login
        /// Logged in. The number of the query in progress, from 0.
        case query(Int)
        /// Finished.
        case finished
    }

    private enum State {
        case greeting
        case encrypting(MySQLGreeting)
        case login(MySQLAuthentication, rounds: Int)
        case loginWithoutPassword(DatabaseError, rounds: Int)
        case query(Int)
        case finished
    }

    /// The maximum payload during the login. Greetings and all packets of a login are much smaller.
    package static let loginPayloadBytesMax = 8192
    /// The most bytes from a server in one session, including TLS.
    package static let sessionBytesMax = 8_388_608
    /// The most method switches and further method packets in one login.
    package static let loginRoundsMax = 16
    /// utf8mb4_general_ci, which every server since 5.5.3 supports.
    private static let characterSet = UInt8(45)

    private let login: DatabaseLogin
    private var queries: [String] = []
    private let questions: (String) -> [String]
    private let cryptography: any DatabaseCryptography
    private var state = State.greeting
    private var packets = MySQLPacketReader(payloadBytesMax: loginPayloadBytesMax)
    private var stream: (any TLSStream)?
    private var answer = MySQLResultReader()
    private var bytes = 0
    /// The sequence number of the next packet from either side.
    private var sequence = UInt8(0)
    /// The results so far.
    package private(set) var report = DatabaseReport(serverVersion: "", isTLS: false, method: .native, answers: [])

    /// Creates a session on an established connection.
    ///
    /// - Parameter queries: statements in UTF-8, run one after the other; empty to log in only.
    package init(_ login: DatabaseLogin, queries: [String], cryptography: any DatabaseCryptography) {
        self.init(login, cryptography: cryptography) { _ in queries }
    }

    /// Creates a session on an established connection, with queries that depend on the server.
    ///
    /// - Parameter queries: returns the statements for a server with this version in its greeting.
    package init(_ login: DatabaseLogin, cryptography: any DatabaseCryptography, queries: @escaping (_ version: String) -> [String]) {
        self.login = login
        self.cryptography = cryptography
        questions = queries
    }

    /// The current stage. After a timeout it shows what was interrupted.
    package var stage: Stage {
        switch state {
        case .greeting: .greeting
        case .encrypting, .login, .loginWithoutPassword: .login
        case .query(let number): .query(number)
        case .finished: .finished
        }
    }

    /// Handles received bytes.
    package mutating func receive(_ received: [UInt8]) -> [Output] {
        guard stage != .finished else { return [] }
        bytes += received.count
        guard bytes <= Self.sessionBytesMax else { return finish(.protocolViolation("more than \(Self.sessionBytesMax) bytes in one session")) }
        var outputs: [Output] = []
        if let stream {
            do throws(DatabaseCryptographyError) {
                let output = try stream.receive(received)
                if !output.sealed.isEmpty { outputs.append(.send(output.sealed)) }
                packets.append(output.clear)
            } catch {
                return finish(DatabaseError(error))
            }
            if case .encrypting(let greeting) = state, stream.isEstablished { outputs += encrypted(stream, greeting) }
        } else {
            packets.append(received)
        }
        return outputs + takePackets()
    }

    /// Handles the server's orderly end of the stream.
    package mutating func endOfStream() -> [Output] { finish(.closed) }

    private mutating func takePackets() -> [Output] {
        var outputs: [Output] = []
        do throws(MySQLFramingError) {
            while stage != .finished, let packet = try packets.next() { outputs += take(packet) }
        } catch {
            switch error {
            case .tooLong(let bytes, let limit): return outputs + finish(.protocolViolation("a packet of \(bytes) bytes, the limit is \(limit)"))
            }
        }
        // A greeting begins with 10, an error with 255. Anything else is garbage and needs no further bytes.
        if stage == .greeting, let first = packets.firstPayloadByte, first != 10, first != 0xff {
            outputs += finish(.protocolViolation("a greeting that begins with \(first)"))
        }
        return outputs
    }

    private mutating func take(_ packet: MySQLPacket) -> [Output] {
        // A server may send an error at any time, with any sequence number.
        guard packet.sequence == sequence || packet.payload.first == 0xff else { return finish(.protocolViolation("a packet out of order")) }
        sequence = packet.sequence &+ 1
        switch state {
        case .greeting: return greeted(packet.payload)
        case .login(let authentication, let rounds): return loginAnswered(packet.payload, authentication, rounds: rounds)
        case .loginWithoutPassword(let error, let rounds): return loginRefused(packet.payload, error, rounds: rounds)
        case .query(let number): return queryAnswered(packet.payload, number)
        case .encrypting: return finish(.protocolViolation("a packet within the TLS handshake"))
        case .finished: return []
        }
    }

    // MARK: - Login

    private mutating func greeted(_ payload: [UInt8]) -> [Output] {
        if let error = MySQLErrorPacket(payload: payload) { return finish(DatabaseError(error)) }
        guard let greeting = try? MySQLGreeting(payload: payload) else { return finish(.protocolViolation("a greeting that cannot be read")) }
        guard greeting.capabilities.isSuperset(of: [.protocol41, .secureConnection]) else { return finish(.protocolViolation("a server before MySQL 4.1")) }
        report.serverVersion = greeting.serverVersion
        queries = questions(greeting.serverVersion)
        guard login.tls != .off, greeting.capabilities.contains(.tls) else {
            return login.tls == .require ? logInWithoutPassword(greeting, .tlsNotOffered) : logIn(greeting)
        }
        // Cleartext after the greeting was injected: a server waits for the TLS handshake.
        guard packets.isEmpty else { return finish(.protocolViolation("a packet before the TLS handshake")) }
        do throws(DatabaseCryptographyError) {
            let stream = try cryptography.openTLS(name: login.tlsName)
            let request = send(response(greeting, isTLS: true).tlsRequest)
            let hello = try stream.receive([])
            self.stream = stream
            state = .encrypting(greeting)
            return request + [.send(hello.sealed)]
        } catch {
            return logInWithoutPassword(greeting, DatabaseError(error))
        }
    }

    private mutating func encrypted(_ stream: any TLSStream, _ greeting: MySQLGreeting) -> [Output] {
        report.isTLS = true
        if let problem = stream.certificateProblem { return logInWithoutPassword(greeting, .certificateInvalid(problem)) }
        return logIn(greeting)
    }

    /// Logs in with the method of the greeting if it is supported, otherwise with the native method. The server then requests the user's method.
    private mutating func logIn(_ greeting: MySQLGreeting) -> [Output] {
        let greeted = greeting.plugin.flatMap(MySQLMethod.init(rawValue:))
        let method = greeted.flatMap { greeting.seed.count >= $0.seedBytes ? $0 : nil } ?? .native
        do throws(MySQLAuthenticationError) {
            let authentication = try MySQLAuthentication(method, seed: greeting.seed, password: login.password)
            let answer = try authentication.answer(cryptography)
            state = .login(authentication, rounds: 0)
            return send(response(greeting, isTLS: stream != nil, answer: answer, method: method).payload)
        } catch {
            return logInWithoutPassword(greeting, DatabaseError(error))
        }
    }

    private func response(_ greeting: MySQLGreeting, isTLS: Bool, answer: [UInt8] = [], method: MySQLMethod = .native) -> MySQLHandshakeResponse {
        var capabilities: MySQLCapabilities = [.longPassword, .protocol41, .transactions, .secureConnection]
        let hasMethods = greeting.capabilities.contains(.pluginAuthentication)
        if hasMethods { capabilities.insert(.pluginAuthentication) }
        if isTLS { capabilities.insert(.tls) }
        return MySQLHandshakeResponse(
            capabilities: capabilities, characterSet: Self.characterSet, user: login.user, answer: answer, plugin: hasMethods ? method.rawValue : nil)
    }

    private mutating func loginAnswered(_ payload: [UInt8], _ authentication: MySQLAuthentication, rounds: Int) -> [Output] {
        guard rounds < Self.loginRoundsMax else { return finish(.protocolViolation("a login of more than \(Self.loginRoundsMax) rounds")) }
        var authentication = authentication
        do throws(MySQLAuthenticationError) {
            switch MySQLReply(payload: payload) {
            case .ok:
                report.method = authentication.method
                packets.payloadBytesMax = MySQLResultReader.answerBytesMax
                return ask(0)
            case .error(let error):
                return finish(DatabaseError(error))
            case .authenticationSwitch(let plugin, let seed):
                authentication = try MySQLAuthentication(MySQLMethod(name: plugin), seed: seed, password: login.password)
                state = .login(authentication, rounds: rounds + 1)
                return send(try authentication.answer(cryptography))
            case .authenticationMoreData(let more):
                let answer = try authentication.handleMoreData(more, isPrivate: stream != nil, cryptography)
                state = .login(authentication, rounds: rounds + 1)
                return answer.map { send($0) } ?? []
            case nil:
                return finish(.protocolViolation("an answer to the login that cannot be read"))
            }
        } catch {
            state = .loginWithoutPassword(DatabaseError(error), rounds: rounds + 1)
            return send([])
        }
    }

    // MARK: - Login without the password

    private mutating func logInWithoutPassword(_ greeting: MySQLGreeting, _ error: DatabaseError) -> [Output] {
        state = .loginWithoutPassword(error, rounds: 0)
        return send(response(greeting, isTLS: stream != nil).payload)
    }

    private mutating func loginRefused(_ payload: [UInt8], _ error: DatabaseError, rounds: Int) -> [Output] {
        switch MySQLReply(payload: payload) {
        case .authenticationSwitch where rounds < Self.loginRoundsMax, .authenticationMoreData where rounds < Self.loginRoundsMax:
            state = .loginWithoutPassword(error, rounds: rounds + 1)
            return send([])
        case .ok:
            // The user has no password, so the login has succeeded. The queries are not sent, because their answers could not be trusted.
            return quit() + finish(error)
        case .authenticationSwitch, .authenticationMoreData, .error, nil:
            return finish(error)
        }
    }

    // MARK: - Queries

    private mutating func ask(_ number: Int) -> [Output] {
        guard number < queries.count else {
            let outputs = quit()
            guard stage != .finished else { return outputs }
            state = .finished
            return outputs + [.finished(.success(report))]
        }
        state = .query(number)
        answer = MySQLResultReader()
        return command(.query(queries[number]))
    }

    private mutating func queryAnswered(_ payload: [UInt8], _ number: Int) -> [Output] {
        do throws(MySQLResultError) {
            guard let whole = try answer.read(payload) else { return [] }
            if case .refused(let error) = whole, case .passwordExpired = DatabaseError(error) { return quit() + finish(.passwordExpired(error)) }
            report.answers.append(whole)
            return ask(number + 1)
        } catch {
            return finish(DatabaseError(error))
        }
    }

    private mutating func quit() -> [Output] { command(.quit) }

    private mutating func command(_ packet: MySQLPacket) -> [Output] {
        sequence = 0
        return send(packet.payload)
    }

    // MARK: - Output

    private mutating func send(_ payload: [UInt8]) -> [Output] {
        let bytes = MySQLPacket(sequence: sequence, payload: payload).bytes
        sequence &+= 1
        guard let stream else { return [.send(bytes)] }
        do throws(DatabaseCryptographyError) {
            return [.send(try stream.seal(bytes))]
        } catch {
            return finish(DatabaseError(error))
        }
    }

    private mutating func finish(_ error: DatabaseError) -> [Output] {
        defer { state = .finished }
        switch state {
        case .finished: return []
        // The reason for withholding the password is more useful than the server's reaction.
        case .loginWithoutPassword(let reason, _): return [.finished(.failure(reason))]
        case .greeting, .encrypting, .login, .query: return [.finished(.failure(error))]
        }
    }
}

extension DatabaseError {
    /// The database error of a failure in a session's cryptography.
    package init(_ error: DatabaseCryptographyError) {
        self =
            switch error {
            case .libraryFailed(let what): .cryptographyFailed(what)
            case .keyUnusable(let why): .cryptographyFailed("the server's RSA key: \(why)")
            case .tlsFailed(let why): .tlsFailed(why)
            case .authoritiesUnusable(let why): .cryptographyFailed("the certificate authorities: \(why)")
            }
    }

    init(_ error: MySQLAuthenticationError) {
        self =
            switch error {
            case .unknownMethod(let name): .methodUnknown(name)
            case .requestsClearPassword(let name): .methodRefused(name)
            case .seedTooShort(let method): .protocolViolation("a seed too short for \(method)")
            case .unexpected(let method): .protocolViolation("a message that \(method) does not define")
            case .cryptography(let error): DatabaseError(error)
            }
    }

    init(_ error: MySQLResultError) {
        self =
            switch error {
            case .malformed(let what): .protocolViolation("\(what) that cannot be read")
            case .tooMuch(let what, let limit): .protocolViolation("more than \(limit) \(what)")
            }
    }
}
