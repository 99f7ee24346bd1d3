import Foundation
import LinuxIO
import Proxy
import Seals
import Support
import Testing
import Wire

/// One authority and its servers' certificates for all tests.
private struct Certificates: Sendable {
    let authority: CertificateAuthority
    let good: (certificate: String, key: String)
    let expired: (certificate: String, key: String)
    let foreign: (certificate: String, key: String)
    let authorities: [UInt8]

    private static let folder = "/tmp/tsk-certificates-\(getpid())"
    static let shared = Result { try Certificates() }

    private init() throws {
        let folder = Self.folder
        try? FileManager.default.removeItem(atPath: folder)
        atexit { try? FileManager.default.removeItem(atPath: Certificates.folder) }
        authority = try CertificateAuthority(in: folder)
        good = try authority.sign("db01", names: "DNS:db01.example,IP:10.0.1.11")
        expired = try authority.sign("db02", names: "DNS:db01.example", days: -1)
        foreign = try CertificateAuthority(in: "\(folder)/other", name: "another authority").sign("db03", names: "DNS:db01.example")
        authorities = try Files.read(authority.certificate, bytesMax: 65_536)
    }

    /// A server with one of the certificates.
    func settings(_ pair: (certificate: String, key: String)) throws -> MySQLPeerSettings {
        var settings = MySQLPeerSettings()
        settings.certificate = try PeerCertificate(certificate: pair.certificate, key: pair.key)
        return settings
    }
}

@Suite("A session with a database")
struct DatabaseSessionTests {
    @Test("logs in, sends its queries, and quits, however the bytes arrive", arguments: [1, 3, 64, Int.max])
    func wholeSession(pieces: Int) throws {
        var settings = MySQLPeerSettings()
        settings.isCached = true
        let status = MySQLResultSet(columns: ["Seconds_Behind_Source", "Last_SQL_Error"], rows: [["3", nil]])
        let error = MySQLErrorPacket(code: 1064, sqlState: "42000", message: "You have an error in your SQL syntax")
        settings.answer = { query in
            switch query {
            case "show replica status": .rows(status)
            case "set names utf8mb4": .done(MySQLOKPacket())
            default: .refused(error)
            }
        }
        let conversation = try converse(login(), settings, queries: ["show replica status", "show slave status", "set names utf8mb4"], pieces: pieces)
        let report = try #require(conversation.report)
        #expect(report.answers == [.rows(status), .refused(error), .done(MySQLOKPacket())])
        #expect(report.serverVersion == "8.4.3" && report.method == .cachingSHA2 && !report.isTLS)
        #expect(conversation.peer.hasQuit)
    }

    @Test(
        "proves its password by each method, in the greeting or after a switch, in clear and over TLS",
        arguments: ["mysql_native_password", "caching_sha2_password"], ["mysql_native_password", "caching_sha2_password", "sha256_password"])
    func methods(method: String, greeted: String) throws {
        for (password, isCached, isTLS) in [("secret", false, false), ("secret", true, false), ("secret", false, true), ("", false, false), ("", false, true)] {
            let certificates = try Certificates.shared.get()
            var settings = try isTLS ? certificates.settings(certificates.good) : MySQLPeerSettings()
            (settings.plugin, settings.userPlugin, settings.password, settings.isCached) = (greeted, method, password, isCached)
            settings.key = try PeerRSAKey()
            let right = try converse(login(password: password, tls: .prefer), settings, queries: ["select 1"])
            let text = "\(method), greeted with \(greeted), '\(password)', cached \(isCached), TLS \(isTLS)"
            #expect(right.report?.method.rawValue == method, "\(text): \(right.result)")
            #expect(right.report?.isTLS == isTLS, "\(text)")
            #expect(right.peer.hasQuit, "\(text)")
            // Neither in clear nor with an RSA key is the password itself sent.
            #expect(password.isEmpty || right.wire.firstRange(of: Array(password.utf8)) == nil, "\(text)")
            let wrong = try converse(login(password: "wrong", tls: .prefer), settings, queries: ["select 1"])
            guard case .accessDenied(let error) = wrong.error else {
                Issue.record("\(text): \(wrong.result)")
                continue
            }
            #expect(error.code == 1045 && !wrong.peer.isLoggedIn, "\(text)")
        }
    }

    @Test("encrypts long passwords with the server's RSA key", arguments: [1, 19, 20, 21, 41, DatabasePassword.bytesMax])
    func longPasswords(count: Int) throws {
        var settings = MySQLPeerSettings()
        settings.password = String(repeating: "p", count: count)
        settings.key = try PeerRSAKey()
        #expect(try converse(login(password: settings.password), settings).report != nil)
    }

    @Test("uses TLS where it can, and verifies the certificate when it has authorities")
    func certificates() throws {
        let certificates = try Certificates.shared.get()
        for mode in [DatabaseTLSMode.prefer, .require] {
            for name in [nil, "db01.example", "10.0.1.11"] {
                let good = try converse(login(tls: mode, name: name), certificates.settings(certificates.good), authorities: certificates.authorities)
                #expect(good.report?.isTLS == true, "\(mode), \(name ?? "no name"): \(good.result)")
            }
            let bad: [(settings: MySQLPeerSettings, name: String?, reason: String)] = [
                (try certificates.settings(certificates.good), "db02.example", "hostname mismatch"),
                (try certificates.settings(certificates.good), "10.0.1.12", "IP address mismatch"),
                (try certificates.settings(certificates.expired), "db01.example", "certificate has expired"),
                (try certificates.settings(certificates.foreign), "db01.example", "unable to get local issuer certificate"),
            ]
            for (settings, name, reason) in bad {
                let conversation = try converse(login(tls: mode, name: name), settings, authorities: certificates.authorities)
                #expect(conversation.error == .certificateInvalid(reason), "\(mode)")
                // The server has received a login, so it does not count the connection as aborted; it has received no byte of the password.
                #expect(conversation.peer.isOver && !conversation.peer.isLoggedIn)
                #expect(conversation.peer.received.firstRange(of: Array("monitor".utf8)) != nil)
                #expect(conversation.peer.received.firstRange(of: Array("secret".utf8)) == nil)
            }
            let unverified = try converse(login(tls: mode), certificates.settings(certificates.foreign))
            #expect(unverified.report?.isTLS == true, "\(mode)")
        }
        let off = try converse(login(tls: .off), certificates.settings(certificates.good))
        #expect(off.error != nil && off.peer.received.firstRange(of: Array("secret".utf8)) == nil)
    }

    @Test("sends no password without TLS when TLS is required, and continues without TLS when it is preferred")
    func notOffered() throws {
        var settings = MySQLPeerSettings()
        (settings.plugin, settings.userPlugin) = ("mysql_native_password", "mysql_native_password")
        let required = try converse(login(tls: .require), settings)
        #expect(required.error == .tlsNotOffered)
        #expect(required.peer.isOver && !required.peer.isLoggedIn)
        #expect(try converse(login(tls: .prefer), settings).report?.isTLS == false)
        // No query is sent either, when the server accepts a user without a password.
        settings.password = ""
        let taken = try converse(login(tls: .require), settings, queries: ["select 1"])
        #expect(taken.error == .tlsNotOffered && taken.peer.hasQuit && taken.peer.received.firstRange(of: Array("select".utf8)) == nil)
    }

    @Test("refuses TLS older than 1.2")
    func oldTLS() throws {
        let certificates = try Certificates.shared.get()
        for (version, isTaken) in [(Int32(0x0303), true), (0x0302, false)] {
            var settings = MySQLPeerSettings()
            settings.certificate = try PeerCertificate(certificate: certificates.good.certificate, key: certificates.good.key, newestVersion: version)
            let conversation = try converse(login(tls: .require), settings)
            #expect((conversation.report != nil) == isTaken, "\(conversation.result)")
            if case .tlsFailed = conversation.error { continue }
            #expect(isTaken, "\(conversation.result)")
        }
    }

    @Test("ends with the method's name when the method is unknown, or wants the password in clear")
    func unknownMethods() throws {
        var settings = MySQLPeerSettings()
        for (plugin, error) in [
            ("sha256_password", DatabaseError.methodUnknown("sha256_password")), ("parsec", .methodUnknown("parsec")),
            ("mysql_clear_password", .methodRefused("mysql_clear_password")), ("dialog", .methodRefused("dialog")),
        ] {
            settings.userPlugin = plugin
            let conversation = try converse(login(), settings)
            #expect(conversation.error == error)
            #expect(conversation.peer.isOver && !conversation.peer.isLoggedIn)
            #expect(conversation.peer.received.firstRange(of: Array("secret".utf8)) == nil)
        }
    }

    @Test("reports the fault of a server's RSA key")
    func badKey() throws {
        var settings = MySQLPeerSettings()
        settings.key = try PeerRSAKey(bits: 1024)
        let conversation = try converse(login(), settings)
        #expect(conversation.error == .cryptographyFailed("the server's RSA key: 1024 bits; 2048 to 8192 are accepted"))
        #expect(conversation.peer.isOver)
    }

    @Test(
        "distinguishes the reasons that a server gives",
        arguments: [
            (1045, "accessDenied"), (1044, "accessDenied"), (1698, "accessDenied"), (3118, "accountLocked"), (3955, "accountLocked"), (4150, "accountLocked"),
            (4151, "accountLocked"), (1820, "passwordExpired"), (1862, "passwordExpired"), (1040, "refused"), (1129, "refused"), (3159, "refused"),
        ] as [(UInt16, String)])
    func errors(code: UInt16, kind: String) throws {
        let packet = MySQLErrorPacket(code: code, sqlState: "HY000", message: "why")
        let error = DatabaseError(packet)
        #expect(Mirror(reflecting: error).children.first?.label == kind)
        #expect(error.serverError == packet)
        #expect("\(error)".contains("error \(code) #HY000why"))
        var session = DatabaseSession(try login(), queries: [], cryptography: try OpenSSLDatabaseCryptography())
        let greeting = MySQLErrorPacket(code: code, message: "why")
        #expect(session.receive(MySQLPacket(sequence: 0, payload: greeting.payload).bytes) == [.finished(.failure(DatabaseError(greeting)))])
    }

    @Test("ends when only a query reports the expired password")
    func expiredInQuery() throws {
        var settings = MySQLPeerSettings()
        settings.isCached = true
        let error = MySQLErrorPacket(code: 1820, sqlState: "HY000", message: "You must SET PASSWORD before executing this statement")
        settings.answer = { _ in .refused(error) }
        let conversation = try converse(login(), settings, queries: ["select 1", "select 2"])
        #expect(conversation.error == .passwordExpired(error))
        #expect(conversation.peer.hasQuit)
    }

    @Test("shows its stage")
    func stages() throws {
        var settings = MySQLPeerSettings()
        settings.isCached = true
        let peer = MySQLPeer(settings)
        var session = DatabaseSession(try login(), queries: ["select 1"], cryptography: try OpenSSLDatabaseCryptography())
        #expect(session.stage == .greeting)
        guard case .send(let response) = session.receive(peer.greet()).first else { throw ConversationStuck() }
        #expect(session.stage == .login)
        guard case .send = session.receive(peer.receive(response)).first else { throw ConversationStuck() }
        #expect(session.stage == .query(0))
        #expect(session.endOfStream() == [.finished(.failure(.closed))])
        #expect(session.stage == .finished)
    }
}
