import Wire

/// How to log in to a database.
package struct DatabaseLogin: Hashable, Sendable {
    /// The user.
    package var user: String
    /// Its password; empty for none.
    package var password: DatabasePassword
    /// Whether the stream is to be TLS.
    ///
    /// The chain of the server's certificate is verified when the `DatabaseCryptography` was made with certificate authorities, in both modes; without
    /// them TLS only keeps listeners out, and not those who can stand between.
    package var tls: DatabaseTLSMode
    /// The host name or address that the server's certificate must have; `nil`: any. Means nothing without certificate authorities.
    package var tlsName: String?

    /// A login from its parts.
    package init(user: String, password: DatabasePassword, tls: DatabaseTLSMode = .prefer, tlsName: String? = nil) {
        self.user = user
        self.password = password
        self.tls = tls
        self.tlsName = tlsName
    }
}

/// What a session with a database found out.
package struct DatabaseReport: Equatable, Sendable {
    /// The server's version, as it greets: "8.4.3", "5.5.5-10.11.19-MariaDB-0+deb12u1".
    package var serverVersion: String
    /// True when the stream was TLS.
    package var isTLS: Bool
    /// The method by which the login was done.
    package var method: MySQLMethod
    /// What the server said to each query, in the queries' order.
    package var answers: [MySQLAnswer]
}

/// A whole session with a MySQL or MariaDB server, from the connection to COM_QUIT, without its socket and timers.
///
///     greeting --(TLS handshake)--> login --> queries, one after the other --> COM_QUIT, finished
///        |             |              |          |
///        +-------------+-- any error -+----------+--> finished
///
/// A server counts connections that end before the login is over against this host (`max_connect_errors`), and blocks it in the end. So where it is this
/// side that cannot go on (no TLS, an untrusted certificate, an unknown method), the session goes on without the password until the server has said no, and
/// only then finishes.
package struct DatabaseSession {
    /// What is to be done.
    package enum Output: Equatable, Sendable {
        /// Send these bytes.
        case send([UInt8])
        /// Close in order, after sending. Nothing comes after it.
        case finished(Result<DatabaseReport, DatabaseError>)
    }

    /// How far it is.
    package enum Stage: Equatable, Sendable {
        /// The server has not greeted.
        case greeting
        /// Between the greeting and the server's verdict on the login.
        case login
        /// Logged in; the number of the query that is being answered, from 0.
        case query(Int)
        /// Over.
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

    /// Greetings and what follows them until the login is done are far smaller.
    package static let loginPayloadBytesMax = 8192
    /// Everything that a server may say in one session, in bytes, TLS included.
    package static let sessionBytesMax = 8_388_608
    /// Switches of method and further words of a method, in one login.
    package static let loginRoundsMax = 16
    /// utf8mb4_general_ci, which every server since 5.5.3 has.
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
    /// The number that the next packet must have, of whichever side.
    private var sequence = UInt8(0)
    /// Its results so far.
    package private(set) var report = DatabaseReport(serverVersion: "", isTLS: false, method: .native, answers: [])

    /// A session on a connection that is there.
    ///
    /// - Parameter queries: statements in UTF-8, run one after the other; none: the login is all that is wanted.
    package init(_ login: DatabaseLogin, queries: [String], cryptography: any DatabaseCryptography) {
        self.init(login, cryptography: cryptography) { _ in queries }
    }

    /// A session on a connection that is there, whose queries depend on the server.
    ///
    /// - Parameter queries: the statements for a server that greets with this version.
    package init(_ login: DatabaseLogin, cryptography: any DatabaseCryptography, queries: @escaping (_ version: String) -> [String]) {
        self.login = login
        self.cryptography = cryptography
        questions = queries
    }

    /// How far it is: what a timeout cut off.
    package var stage: Stage {
        switch state {
        case .greeting: .greeting
        case .encrypting, .login, .loginWithoutPassword: .login
        case .query(let number): .query(number)
        case .finished: .finished
        }
    }

    /// Bytes came.
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

    /// The server has closed its side in order.
    package mutating func endOfStream() -> [Output] { finish(.closed) }

    private mutating func takePackets() -> [Output] {
        var outputs: [Output] = []
        do throws(MySQLFramingError) {
            while stage != .finished, let packet = try packets.next() { outputs += take(packet) }
        } catch {
            switch error {
            case .tooLong(let bytes, let limit): return outputs + finish(.protocolViolation("a packet of \(bytes) bytes, over \(limit)"))
            }
        }
        // A greeting begins with 10, an error with 255: garbage need not be waited for.
        if stage == .greeting, let first = packets.firstPayloadByte, first != 10, first != 0xff {
            outputs += finish(.protocolViolation("a greeting that begins with \(first)"))
        }
        return outputs
    }

    private mutating func take(_ packet: MySQLPacket) -> [Output] {
        // A server may break in with an error, whatever number is due.
        guard packet.sequence == sequence || packet.payload.first == 0xff else { return finish(.protocolViolation("a packet out of order")) }
        sequence = packet.sequence &+ 1
        switch state {
        case .greeting: return greeted(packet.payload)
        case .login(let authentication, let rounds): return loginAnswered(packet.payload, authentication, rounds: rounds)
        case .loginWithoutPassword(let error, let rounds): return turnedAway(packet.payload, error, rounds: rounds)
        case .query(let number): return queryAnswered(packet.payload, number)
        case .encrypting: return finish(.protocolViolation("words within the TLS handshake"))
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
        // Whatever was put after the greeting was put there by somebody who cannot speak within TLS.
        guard packets.isEmpty else { return finish(.protocolViolation("words before the TLS handshake")) }
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

    /// With the greeting's method when it is known, else with any: the server then asks for the user's own.
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
        guard rounds < Self.loginRoundsMax else { return finish(.protocolViolation("a login without end")) }
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
            case .authenticationGoesOn(let more):
                let answer = try authentication.goOn(more, isPrivate: stream != nil, cryptography)
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

    private mutating func turnedAway(_ payload: [UInt8], _ error: DatabaseError, rounds: Int) -> [Output] {
        switch MySQLReply(payload: payload) {
        case .authenticationSwitch where rounds < Self.loginRoundsMax, .authenticationGoesOn where rounds < Self.loginRoundsMax:
            state = .loginWithoutPassword(error, rounds: rounds + 1)
            return send([])
        case .ok:
            // The user has no password, so it is logged in. Its queries would tell what must not be believed.
            return quit() + finish(error)
        case .authenticationSwitch, .authenticationGoesOn, .error, nil:
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
            guard let whole = try answer.take(payload) else { return [] }
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
        // Why the password was held back says more than how the server took it.
        case .loginWithoutPassword(let reason, _): return [.finished(.failure(reason))]
        case .greeting, .encrypting, .login, .query: return [.finished(.failure(error))]
        }
    }
}

extension DatabaseError {
    /// Why a session's cryptography cannot go on.
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
            case .wantsClearPassword(let name): .methodRefused(name)
            case .seedTooShort(let method): .protocolViolation("a seed too short for \(method)")
            case .unexpected(let method): .protocolViolation("words that \(method) does not have")
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
