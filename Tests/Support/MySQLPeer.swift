// A database server without a socket that follows the protocol for logins and text queries. It provides a method that the installable servers lack
// (caching_sha2_password) and faults that a real server cannot produce on request. libmariadb's client logs in to it through `MySQLPeerServer`.

import Wire

/// The properties of a peer.
package struct MySQLPeerSettings {
    /// The version in its greeting.
    package var serverVersion = "8.4.3"
    /// The method in its greeting.
    package var plugin = "caching_sha2_password"
    /// The only user.
    package var user = "monitor"
    /// The user's password.
    package var password = "secret"
    /// The user's method. If it differs from the greeting's, the peer requests a switch.
    package var userPlugin = "caching_sha2_password"
    /// True when the server has the user in its cache, so that `caching_sha2_password` needs only the hash.
    package var isCached = false
    /// The RSA key that it sends on request; `nil` for none.
    package var key: PeerRSAKey?
    /// Its certificate; `nil` when it does not offer TLS.
    package var certificate: PeerCertificate?
    /// Its answer to a query.
    package var answer: (String) -> MySQLAnswer = { _ in .rows(MySQLResultSet(columns: ["name"], rows: [["peer"]])) }

    /// Creates the properties of MySQL 8.4 after a start.
    package init() {}
}

/// A connection to a server of this kind. The caller moves its bytes.
package final class MySQLPeer {
    private enum State: Equatable {
        case login
        case answer(plugin: String)
        case keyOrPassword
        case encryptedPassword
        case commands
    }

    private let settings: MySQLPeerSettings
    private let seed: [UInt8]
    private let connection: UInt32
    private var state = State.login
    private var packets = MySQLPacketReader(payloadBytesMax: 1_048_576)
    private var stream: PeerTLSStream?
    private var sequence = UInt8(0)
    private var output: [UInt8] = []

    /// True when the server closes: after COM_QUIT, a failed login or a protocol error.
    package private(set) var isOver = false
    /// True when the client has proved its password.
    package private(set) var isLoggedIn = false
    /// True when the client has sent COM_QUIT.
    package private(set) var hasQuit = false
    /// Everything that the client has sent, after decryption.
    package private(set) var received: [UInt8] = []

    /// - Parameter seed: 20 bytes without a NUL.
    package init(_ settings: MySQLPeerSettings, seed: [UInt8] = Array("saltSALTsaltSALTsalt".utf8), connection: UInt32 = 1) {
        precondition(seed.count == 20 && !seed.contains(0), "a seed has 20 bytes and no NUL")
        self.settings = settings
        self.seed = seed
        self.connection = connection
    }

    /// Returns the greeting.
    package func greet() -> [UInt8] {
        var capabilities: MySQLCapabilities = [.longPassword, .protocol41, .transactions, .secureConnection, .pluginAuthentication]
        if settings.certificate != nil { capabilities.insert(.tls) }
        send(
            MySQLGreeting(
                serverVersion: settings.serverVersion, connectionIdentifier: connection, seed: seed, capabilities: capabilities, characterSet: 255,
                plugin: settings.plugin
            ).payload)
        return takeOutput()
    }

    /// Takes in bytes from the client.
    ///
    /// - Returns: the bytes to send, before closing when `isOver`.
    package func receive(_ bytes: [UInt8]) -> [UInt8] {
        // The start of TLS may follow the request for it, which has 36 bytes, in the same read.
        if stream == nil, state == .login, settings.certificate != nil, bytes.starts(with: [32, 0, 0, 1]), bytes.count > 36 {
            return receive(Array(bytes.prefix(36))) + receive(Array(bytes.dropFirst(36)))
        }
        var clear = bytes
        if let stream {
            let step = stream.receive(bytes)
            output += step.sealed
            clear = step.clear
            if stream.isBroken { isOver = true }
        }
        received += clear
        packets.append(clear)
        while !isOver, let packet = try? packets.next() {
            sequence = packet.sequence &+ 1
            take(packet.payload)
        }
        return takeOutput()
    }

    private func take(_ payload: [UInt8]) {
        switch state {
        case .login: takeLogin(payload)
        case .answer(let plugin): takeAnswer(payload, plugin: plugin)
        case .keyOrPassword where stream == nil && payload == [2]:
            guard let key = settings.key else { return deny() }
            state = .encryptedPassword
            send([1] + key.publicKey)
        case .keyOrPassword where stream != nil: verdict(payload == Array(settings.password.utf8) + [0])
        case .keyOrPassword: deny()
        case .encryptedPassword:
            let padding = (0...(settings.password.utf8.count / seed.count)).flatMap { _ in seed }
            verdict(settings.key?.decrypt(payload) == PeerDigest.xor(Array(settings.password.utf8) + [0], padding))
        case .commands: takeCommand(payload)
        }
    }

    private func takeLogin(_ payload: [UInt8]) {
        var reader = ByteReader(payload)
        guard let bits = reader.readLittleEndian(UInt32.self), reader.skip(28) != nil else { return malformed() }
        let capabilities = MySQLCapabilities(rawValue: bits)
        if capabilities.contains(.tls), stream == nil, reader.isAtEnd, let certificate = settings.certificate {
            stream = PeerTLSStream(certificate)
            return
        }
        guard let user = reader.readBytes(until: 0, limit: 320), let answer = reader.readLengthEncodedBytes() else { return malformed() }
        let connectWithDatabase = MySQLCapabilities(rawValue: 8)
        if capabilities.contains(connectWithDatabase) { _ = reader.readBytes(until: 0, limit: 255) }
        let plugin = reader.readBytes(until: 0, limit: 255).map { String(decoding: $0, as: UTF8.self) }
        guard String(decoding: user, as: UTF8.self) == settings.user else { return deny() }
        if plugin == settings.userPlugin { return takeAnswer(Array(answer), plugin: settings.userPlugin) }
        state = .answer(plugin: settings.userPlugin)
        send([0xfe] + Array(settings.userPlugin.utf8) + [0] + seed + [0])
    }

    private func takeAnswer(_ answer: [UInt8], plugin: String) {
        let password = Array(settings.password.utf8)
        guard !password.isEmpty, !answer.isEmpty else { return verdict(password.isEmpty && answer.isEmpty) }
        switch plugin {
        case "mysql_native_password":
            let kept = PeerDigest.sha1(PeerDigest.sha1(password))
            verdict(PeerDigest.sha1(PeerDigest.xor(answer, PeerDigest.sha1(seed + kept))) == kept)
        case "caching_sha2_password" where settings.isCached:
            let kept = PeerDigest.sha256(PeerDigest.sha256(password))
            guard PeerDigest.sha256(PeerDigest.xor(answer, PeerDigest.sha256(kept + seed))) == kept else { return deny() }
            send([1, 3])
            verdict(true)
        case "caching_sha2_password":
            state = .keyOrPassword
            send([1, 4])
        default:
            deny()
        }
    }

    private func takeCommand(_ payload: [UInt8]) {
        switch payload.first {
        case 1:
            (hasQuit, isOver) = (true, true)
        case 3:
            for packet in Self.packets(settings.answer(String(decoding: payload.dropFirst(), as: UTF8.self))) { send(packet) }
        default:
            send(Self.ok)
        }
    }

    private func verdict(_ isRight: Bool) {
        guard isRight else { return deny() }
        (isLoggedIn, state) = (true, .commands)
        send(Self.ok)
    }

    private func deny() {
        send(MySQLErrorPacket(code: 1045, sqlState: "28000", message: "Access denied for user '\(settings.user)'").payload)
        isOver = true
    }

    private func malformed() {
        send(MySQLErrorPacket(code: 1043, sqlState: "08S01", message: "Bad handshake").payload)
        isOver = true
    }

    private func send(_ payload: [UInt8]) {
        let bytes = MySQLPacket(sequence: sequence, payload: payload).bytes
        sequence &+= 1
        output += stream?.seal(bytes) ?? bytes
    }

    private func takeOutput() -> [UInt8] {
        defer { output = [] }
        return output
    }

    private static let ok: [UInt8] = [0, 0, 0, 2, 0, 0, 0]
    private static let endOfRows: [UInt8] = [0xfe, 0, 0, 2, 0]

    /// Encodes an answer as payloads of packets.
    package static func packets(_ answer: MySQLAnswer) -> [[UInt8]] {
        switch answer {
        case .done: return [ok]
        case .refused(let error): return [error.payload]
        case .rows(let rows):
            var head = ByteWriter()
            head.writeLengthEncoded(rows.columns.count)
            return [head.bytes] + rows.columns.map(column) + [endOfRows] + rows.rows.map(row) + [endOfRows]
        }
    }

    private static func column(_ name: String) -> [UInt8] {
        var writer = ByteWriter()
        for text in ["def", "", "", "", name, ""] { writer.writeLengthEncoded(Array(text.utf8)) }
        // utf8mb4, 1024 bytes, VAR_STRING
        writer.write([12, 45, 0, 0, 4, 0, 0, 0xfd, 0, 0, 0, 0, 0])
        return writer.bytes
    }

    private static func row(_ values: [String?]) -> [UInt8] {
        var writer = ByteWriter()
        for value in values {
            if let value { writer.writeLengthEncoded(Array(value.utf8)) } else { writer.write(0xfb) }
        }
        return writer.bytes
    }
}
