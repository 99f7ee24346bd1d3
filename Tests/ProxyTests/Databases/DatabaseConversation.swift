import Proxy
import Seals
import Support
import Testing
import Wire

/// The result of a session, and the server's record of it.
struct Conversation {
    let result: Result<DatabaseReport, DatabaseError>
    let peer: MySQLPeer
    /// All bytes on the wire, of both sides.
    let wire: [UInt8]

    var report: DatabaseReport? { try? result.get() }
    var error: DatabaseError? { if case .failure(let error) = result { error } else { nil } }
}

/// Runs a session and a server until one of them ends; the server's bytes arrive in pieces of `pieces` bytes.
func converse(
    _ login: DatabaseLogin, _ settings: MySQLPeerSettings, queries: [String] = [], authorities: [UInt8]? = nil, pieces: Int = .max
) throws -> Conversation {
    let peer = MySQLPeer(settings)
    var session = DatabaseSession(login, queries: queries, cryptography: try OpenSSLDatabaseCryptography(authorities: authorities))
    var wire: [UInt8] = []
    var toSession = peer.greet()
    var result: Result<DatabaseReport, DatabaseError>?
    for _ in 0..<100_000 where result == nil {
        guard !toSession.isEmpty else {
            guard peer.isOver else { throw ConversationStuck() }
            result = finish(session.endOfStream())
            continue
        }
        let piece = Array(toSession.prefix(pieces))
        toSession.removeFirst(piece.count)
        wire += piece
        for output in session.receive(piece) {
            switch output {
            case .send(let bytes):
                #expect(result == nil, "the session sends after its end")
                wire += bytes
                if !peer.isOver { toSession += peer.receive(bytes) }
            case .finished(let end):
                #expect(result == nil, "the session ends twice")
                result = end
            }
        }
    }
    #expect(session.stage == .finished)
    #expect(session.receive([1]).isEmpty && session.endOfStream().isEmpty, "the session continues after its end")
    return Conversation(result: try #require(result), peer: peer, wire: wire)
}

/// Thrown when both sides wait for each other.
struct ConversationStuck: Error {}

private func finish(_ outputs: [DatabaseSession.Output]) -> Result<DatabaseReport, DatabaseError>? {
    if case .finished(let result) = outputs.last { result } else { nil }
}

/// The login of `MySQLPeerSettings`' user.
func login(password: String = "secret", tls: DatabaseTLSMode = .off, name: String? = nil) throws -> DatabaseLogin {
    DatabaseLogin(user: "monitor", password: try #require(DatabasePassword(Array(password.utf8))), tls: tls, tlsName: name)
}
