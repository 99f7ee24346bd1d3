import Proxy
import Testing
import Wire

@testable import NodeAgent

@Suite("The configuration reader, with random input")
struct ConfigurationFuzzTests {
    static let fixtures = ["tsukada01.cfg", "every-keyword.cfg", "correct.cfg"]

    @Test("reads every prefix of a file", arguments: fixtures)
    func readsTruncations(fixture: String) throws {
        let bytes = try Configuration.bytes(of: fixture)
        let reader = ConfigurationReader(environment: [:])
        for length in stride(from: 0, to: bytes.count, by: 11) {
            let diagnostics = reader.read(files: [("t.cfg", Array(bytes[..<length]))]).diagnostics
            let isWhole = length == 0 || bytes[length - 1] == 0x0a
            #expect(isWhole || diagnostics.contains { $0.problem == .missingLineFeed }, "\(length) bytes")
        }
    }

    @Test("reads mutated files", arguments: 0..<48 as Range<UInt64>)
    func readsMutations(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let original = try Configuration.bytes(of: Self.fixtures[Int(seed) % Self.fixtures.count])
        let other = try Configuration.bytes(of: "every-keyword.cfg")
        let reader = ConfigurationReader(environment: ["X": "a b \" \\ $ # ,"])
        for step in 0..<4 {
            var bytes = original
            for _ in 0..<Int.random(in: 1...24, using: &random) { Self.mutate(&bytes, other, &random) }
            let (_, diagnostics) = reader.read(files: [("t.cfg", bytes)])
            #expect(diagnostics.count <= ConfigurationDraft.diagnosticsMax, "seed \(seed), step \(step)")
            for diagnostic in diagnostics { #expect(diagnostic.description.hasPrefix("t.cfg:"), "seed \(seed), step \(step)") }
        }
    }

    private static let tokens = [
        "\"", "'", "\\", "$", "${", "\"${X[*]}\"", "#", "\0", "\n", " ", ":", "@", ",", "-", "[", "]", "no ", "default ",
        ".if ", ".endif\n", "(", "99999999999",
        "\u{65e5}", "fd@", "unix@", ":::", "+1", "-1", "0", "listen a from b\n", "probe x\n", "global\n",
    ]

    private static func mutate(_ bytes: inout [UInt8], _ other: [UInt8], _ random: inout SplitMix64) {
        let place = Int.random(in: 0...bytes.count, using: &random)
        switch Int.random(in: 0..<5, using: &random) {
        case 0: bytes.insert(UInt8.random(in: .min ... .max, using: &random), at: place)
        case 1: if place < bytes.count { bytes.remove(at: place) }
        case 2: if place < bytes.count { bytes[place] = UInt8.random(in: .min ... .max, using: &random) }
        case 3: bytes.insert(contentsOf: Array((tokens.randomElement(using: &random) ?? "").utf8), at: place)
        default:
            let start = Int.random(in: 0..<other.count, using: &random)
            bytes.insert(contentsOf: other[start..<min(other.count, start + Int.random(in: 1...80, using: &random))], at: place)
        }
    }

    @Test("reads noise", arguments: 0..<32 as Range<UInt64>)
    func readsNoise(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let bytes = (0..<4_096).map { _ in UInt8.random(in: .min ... .max, using: &random) }
        #expect(ConfigurationReader(environment: [:]).read(files: [("t.cfg", bytes)]).diagnostics.contains { $0.severity == .alert }, "seed \(seed)")
    }
}
