import Testing

@testable import Proxy

@Suite("Automatic numbers")
struct AutomaticNumbersTests {
    @Test(
        "are HAProxy 2.6's, measured with 'id' on some servers",
        arguments: [
            ([nil, nil, nil], [1, 2, 3]), ([nil, 9, nil], [1, 9, 3]), ([5, 1, nil], [5, 1, 3]), ([nil, 1, nil], [2, 1, 4]),
            ([2, nil, nil, 1, nil], [2, 3, 4, 1, 6]), ([nil, nil, 2, nil, 3, nil], [1, 4, 2, 6, 3, 8]), ([], []),
        ] as [([Int?], [Int])])
    func assign(fixed: [Int?], numbers: [Int]) { #expect(AutomaticNumbers.assign(fixed: fixed) == numbers) }

    @Test("of servers and binds leave fixed ones as they are")
    func sections() {
        let location = ConfigurationLocation(file: "t", line: 1)
        var backend = Backend(name: "b", identifier: 2)
        backend.servers = (0..<3).map { Server(name: "s\($0)", identifier: 0, endpoint: .unix("/s"), port: .fixed(1), location: location) }
        (backend.servers[1].identifier, backend.servers[1].hasFixedIdentifier) = (9, true)
        backend.numberServers()
        #expect(backend.servers.map(\.identifier) == [1, 9, 3])
        var frontend = Frontend(name: "f", identifier: 2)
        frontend.binds = (0..<3).map { _ in Bind(endpoint: .unix("/s"), location: location) }
        frontend.binds[0].number = 77
        #expect(frontend.bindNumbers == [77, 2, 3])
    }
}
