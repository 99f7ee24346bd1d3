/// The record of which of the last 1,024 sequence numbers have been accepted. No number is accepted twice, and datagrams may arrive out of order.
///
/// The window is consulted before decryption, so that replays cost nothing. It is updated only after the tag has been verified, so that a forged number far
/// ahead cannot push valid ones out. The bits also give the loss: they show which of the latest datagrams have arrived.
package struct ReplayWindow: Equatable, Sendable {
    /// How far behind the highest number a datagram may be.
    package static let bitsCount: UInt64 = 1_024

    /// The highest number accepted; 0 for none.
    package private(set) var highest: UInt64 = 0
    /// Bit `n % 1024` represents number n.
    private var bits: [16 of UInt64] = .init(repeating: 0)

    /// Creates a window in which no number has been accepted.
    package init() {}

    /// True when `sequence` has not been accepted and is inside the window or ahead of it.
    package func isFresh(_ sequence: UInt64) -> Bool {
        guard sequence > 0 else { return false }
        guard sequence <= highest else { return true }
        guard highest - sequence < ReplayWindow.bitsCount else { return false }
        return bits[word(sequence)] & bit(sequence) == 0
    }

    /// Marks `sequence` as accepted.
    package mutating func commit(_ sequence: UInt64) {
        guard sequence > 0 else { return }
        if sequence > highest {
            if sequence - highest >= ReplayWindow.bitsCount {
                bits = .init(repeating: 0)
            } else {
                // Skipped numbers have not arrived. Their bits still belong to the numbers 1,024 earlier.
                var passed = highest + 1
                while passed < sequence {
                    bits[word(passed)] &= ~bit(passed)
                    passed += 1
                }
            }
            highest = sequence
        } else if highest - sequence >= ReplayWindow.bitsCount {
            return
        }
        bits[word(sequence)] |= bit(sequence)
    }

    /// The number of datagrams that have arrived, out of those sent.
    package typealias Arrivals = (arrived: Int, sent: Int)

    /// Counts how many of the last `span` numbers have arrived. The span is limited to 1,024 and to what was sent.
    package func arrivals(ofLast span: UInt64) -> Arrivals {
        let sent = min(span, highest, ReplayWindow.bitsCount)
        var arrived = 0
        var left = sent
        while left > 0 {
            // The numbers of one word, up to the highest or the word's end.
            let last = highest - (sent - left)
            let count = min(left, last % 64 + 1)
            let ones: UInt64 = count == 64 ? .max : (1 << count) - 1
            arrived += (bits[word(last)] & ones << (last % 64 + 1 - count)).nonzeroBitCount
            left -= count
        }
        return (arrived, Int(sent))
    }

    private func word(_ sequence: UInt64) -> Int { Int(sequence / 64 % 16) }
    private func bit(_ sequence: UInt64) -> UInt64 { 1 << (sequence % 64) }

    /// Compares the accepted numbers.
    package static func == (left: ReplayWindow, right: ReplayWindow) -> Bool {
        left.highest == right.highest && (0..<16).allSatisfy { left.bits[$0] == right.bits[$0] }
    }
}
