import Foundation
import LinuxIO
import Proxy
import Seals
import Support
import Wire

/// The result of one session with a database, as a JSON line.
private struct SessionLine: Encodable {
    /// Without a failure: whether TLS was used, the method, and the first row's values of each answer, or its error.
    var isTLS: Bool?
    var method: String?
    var answers: [[String?]]?
    var failure: String?
    /// The failure's kind: "accessDenied".
    var kind: String?
}

/// `database --to A:P --user U [--password P] [--tls off|prefer|require] [--ca FILE] [--name NAME] [--query SQL] [--query2 SQL] [--count N]`: N complete
/// sessions one after the other, one JSON line each.
func holdDatabaseSessions(_ arguments: Arguments) {
    let (address, port) = arguments.endpoint("to")
    guard let password = DatabasePassword(Array(arguments.text("password", default: "").utf8)) else { fail("--password is too long, or contains a zero byte") }
    guard let mode = DatabaseTLSMode(rawValue: arguments.text("tls", default: "prefer")) else { fail("--tls takes off, prefer or require") }
    let name = arguments.text("name", default: "")
    let login = DatabaseLogin(user: arguments.text("user"), password: password, tls: mode, tlsName: name.isEmpty ? nil : name)
    let queries = ["query", "query2"].map { arguments.text($0, default: "") }.filter { !$0.isEmpty }
    let file = arguments.text("ca", default: "")
    do {
        let authorities = file.isEmpty ? nil : try Files.read(file, bytesMax: 1 << 20)
        let cryptography = try OpenSSLDatabaseCryptography(authorities: authorities)
        for _ in 0..<arguments.number("count", default: 1) {
            let session = DatabaseSession(login, queries: queries, cryptography: cryptography)
            printLine(line(hold(session, address: address, port: port)))
        }
    } catch {
        fail("\(error)")
    }
}

private func hold(_ session: DatabaseSession, address: String, port: UInt16) -> Result<DatabaseReport, DatabaseError> {
    var session = session
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    limitWaits(SO_RCVTIMEO, to: 15_000, on: descriptor)
    let target = RawSocketAddress(.ip(IPAddress(address) ?? .anyV4, port: port))
    guard target.withPointer({ connect(descriptor, $0, $1) }) == 0 else { fail("connect: \(String(cString: strerror(errno)))") }
    while true {
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = recv(descriptor, &bytes, bytes.count, 0)
        let outputs = count > 0 ? session.receive(Array(bytes.prefix(count))) : session.endOfStream()
        for output in outputs {
            switch output {
            case .send(let bytes): _ = send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
            case .finished(let result): return result
            }
        }
    }
}

private func line(_ result: Result<DatabaseReport, DatabaseError>) -> SessionLine {
    switch result {
    case .success(let report):
        let answers = report.answers.map { answer -> [String?] in
            switch answer {
            case .rows(let rows): rows.rows.first ?? []
            case .done: []
            case .refused(let error): ["error \(error.code)"]
            }
        }
        return SessionLine(isTLS: report.isTLS, method: report.method.rawValue, answers: answers)
    case .failure(let error):
        let kind = Mirror(reflecting: error).children.first?.label ?? "\(error)"
        return SessionLine(failure: "\(error)", kind: kind)
    }
}
