import Testing

@testable import NodeAgent

/// The answers of haproxy 2.6.
@Suite("Weights of a static algorithm")
struct RuntimeStaticWeightTests {
    private static let refusal = "Backend is using a static LB algorithm and only accepts weights '0%' and '100%'.\n\n"

    @Test(
        "can be set to 0 and to the configured weight only",
        arguments: [
            ("set weight mysql/db1 2", refusal), ("set weight mysql/db1 50%", refusal), ("set server mysql/db1 weight 50%", refusal),
            ("set server mysql/db1 weight 11", refusal), ("set weight mysql/db1 0", "\n"), ("set weight mysql/db1 0%", "\n"),
            ("set weight mysql/db1 100%", "\n"), ("set weight mysql/db1 10", "\n"), ("set weight mysql/db2 2", "\n"),
            ("set weight mysql/db1 300", "Absolute weight can only be between 0 and 256 inclusive.\n\n"),
        ])
    func answers(line: String, answer: String) throws {
        let target = StubTarget()
        target.weights[ServerName(backend: "mysql", server: "db1")]?.isStatic = true
        var session = RuntimeSession(level: .admin, timeout: .seconds(10))
        guard case .pieces(let next) = RuntimeInterpreter(target: target).answer(to: Array(line.utf8)[...], session: &session) else {
            Issue.record("no answer")
            return
        }
        var text = ""
        while case .bytes(let piece)? = next(&session) { text += String(decoding: piece, as: UTF8.self) }
        #expect(text == answer)
        if answer == Self.refusal { #expect(target.weights[ServerName(backend: "mysql", server: "db1")]?.current == 10) }
    }
}
