import Glibc
import Support
import Testing

@Suite("A scripted server")
struct ScriptedServersTests {
    private let servers = ScriptedServers()
    private let clients = ScriptedClients()
    private let port: HeldPort
    private let address: ScriptAddress

    init() throws {
        port = try HeldPort()
        address = ScriptAddress("\(port.address)")
    }

    private func visit(_ steps: [ConversationStep], patience: Int = 5_000) -> String {
        clients.run(ScriptedClients.Script(target: address, steps: steps, patience: patience), count: 1).map(\.text).joined()
    }

    @Test("answers step by step, and records what its client has sent")
    func answers() throws {
        try servers.set(address, to: .serving([.send(Array("hi\n".utf8)), .receive(Array("\n".utf8)), .send([1]), .close]))
        #expect(visit([.receive([10]), .send(Array("a".utf8)), .send(Array("b\n".utf8)), .receiveEnd]) == "hi\\n<01>(closed)")
        var seen: [String] = []
        #expect(
            eventually(within: 10) {
                seen += servers.takeTranscripts(of: address).map(\.text)
                return seen == ["ab\\n"]
            }, "\(seen)")
        try servers.set(address, to: .serving([.receive([]), .reset]))
        #expect(visit([.send([65]), .receiveEnd]) == "(reset)")
    }

    @Test("refuses, serves again, crashes, and is silent with a full queue")
    func conducts() throws {
        let name = ServerConduct.serving([.send(Array("s\n".utf8))])
        try servers.set(address, to: name)
        let script = ScriptedClients.Script(target: address, steps: [.receive([10])])
        #expect(clients.hold(script, count: 2, as: "held").map(\.text) == ["s\\n", "s\\n"])
        try servers.set(address, to: .refusing)
        #expect(visit([]) == "(refused)")
        try servers.set(address, to: name)
        #expect(visit([.receive([10]), .finish, .receiveEnd]) == "s\\n(closed)")
        try servers.set(address, to: .crashed)
        #expect(clients.release("held", steps: [.receiveEnd]).map(\.text) == ["(closed)", "(closed)"])
        try servers.set(address, to: .deaf)
        #expect(visit([.receive([])], patience: 100) == "(refused)")
        try servers.set(address, to: name)
        #expect(visit([.receive([10])]) == "s\\n")
    }

    @Test("sees the address that a client connects from")
    func seesSource() throws {
        try servers.set(address, to: .serving([.sendPeer]))
        let script = ScriptedClients.Script(target: address, source: ScriptAddress("127.9.8.7:0"), steps: [.receive([10])])
        #expect(clients.run(script, count: 1).map(\.text) == ["127.9.8.7\\n"])
    }
}
