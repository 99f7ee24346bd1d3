import Testing

@testable import NodeAgent

@Suite("A weight from the runtime socket")
struct RuntimeWeightTests {
    static let weights: [(text: String, initial: Int, weight: Int)] = [
        ("50%", 1, 1), ("1%", 1, 1), ("99%", 1, 1), ("10%", 7, 1), ("20%", 7, 1), ("30%", 7, 2), ("50%", 10, 5), ("101%", 7, 7), ("1000%", 7, 70),
        ("0%", 1, 0), ("-0%", 7, 0), ("0", 7, 0), ("50%", 0, 0), ("100%", 256, 256), ("99999999999%", 256, 256), ("256", 1, 256),
    ]

    @Test("is at least 1, unless 0 is written or the server has weight 0", arguments: weights)
    func isNeverZeroUnasked(text: String, initial: Int, weight: Int) throws {
        #expect(try RuntimeCommand.weight(text, initial: initial) == weight)
    }
}
