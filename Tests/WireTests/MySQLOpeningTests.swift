import Testing
import Wire

@Suite("A database's first bytes")
struct MySQLOpeningTests {
    private static let greeting = MySQLPacket(
        sequence: 0,
        payload: MySQLGreeting(serverVersion: "8.4.0", connectionIdentifier: 8, seed: Array(65..<85), capabilities: [.protocol41, .secureConnection]).payload
    ).bytes

    private func opening(_ bytes: some Collection<UInt8>) -> MySQLOpening { Array(bytes).withUnsafeBytes { MySQLOpening($0) } }

    private func error(_ number: UInt16, sqlState: String? = nil) -> [UInt8] {
        MySQLPacket(sequence: 0, payload: MySQLErrorPacket(code: number, sqlState: sqlState, message: "no").payload).bytes
    }

    @Test("are a greeting only when it is complete")
    func greeting() {
        for length in 0..<Self.greeting.count { #expect(opening(Self.greeting.prefix(length)) == .incomplete, "length \(length)") }
        #expect(opening(Self.greeting) == .greeting)
        #expect(opening(Self.greeting + [1, 2, 3]) == .greeting)
    }

    @Test("are an error by its number, with and without SQL state")
    func errors() {
        #expect(opening(error(1040)) == .error(1040))
        #expect(opening(error(1129, sqlState: "HY000")) == .error(1129))
        #expect(opening(error(1129).dropLast()) == .incomplete)
        #expect(opening([2, 0, 0, 0, 0xff, 0x10]) == .garbage)
    }

    @Test("are recognised as not MySQL at the first impossible byte")
    func garbage() {
        #expect(opening([0, 0, 0]) == .garbage)
        #expect(opening([1, 0x20, 0]) == .garbage)
        #expect(opening(Array("SSH".utf8)) == .garbage)
        #expect(opening([4, 0, 0, 0, 9]) == .garbage)
        #expect(opening([4, 0, 0, 0]) == .incomplete)
    }

    @Test("get a result that later bytes do not change", arguments: 0..<64 as Range<UInt64>)
    func stands(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var bytes = [Self.greeting, error(1040), error(1053, sqlState: "08S01")][Int.random(in: 0..<3, using: &random)]
        for _ in 0..<Int.random(in: 0..<4, using: &random) {
            bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
        }
        var decided: MySQLOpening?
        for length in 0...bytes.count {
            let said = opening(bytes.prefix(length))
            if let decided { #expect(said == decided, "seed \(seed), length \(length)") }
            if said != .incomplete { decided = said }
        }
    }

    @Test("that refuse form one table: number and meaning")
    func refusals() {
        #expect(MySQLRefusal(1040) == .full && MySQLRefusal(1129) == .hostRefused && MySQLRefusal(1053) == .unable)
        #expect((0...UInt16.max).count { MySQLRefusal($0) != nil } == MySQLRefusal.numbers.count)
        #expect(MySQLRefusal(1045) == nil && MySQLRefusal.index(of: 1045) == nil)
        #expect(MySQLRefusal.numbers.map(\.number) == MySQLRefusal.numbers.map(\.number).sorted())
    }
}
