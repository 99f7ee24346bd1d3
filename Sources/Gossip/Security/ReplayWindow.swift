/// Which of the last 1,024 sequence numbers have been accepted: nothing is accepted twice, and reordering is forgiven.
///
/// Looked at before decrypting, so that replays cost nothing; committed only after the tag has verified, so that a forged number far
/// ahead cannot push honest ones out. The bits tell the loss too: exactly which of the last datagrams have come.
package struct ReplayWindow: Equatable, Sendable {
    /// How far back a datagram may come late.
    package static let bitsCount: UInt64 = 1_024

    /// The highest number accepted; 0 for none.
    package private(set) var highest: UInt64 = 0
    /// Bit `n % 1024` stands for number n.
    private var bits: [16 of UInt64] = .init(repeating: 0)

    /// Nothing accepted.
    package init() {}

    /// True when `sequence` has not been accepted and is not too old to be known.
    package func isFresh(_ sequence: UInt64) -> Bool {
        guard sequence > 0 else { return false }
        guard sequence <= highest else { return true }
        guard highest - sequence < ReplayWindow.bitsCount else { return false }
        return bits[word(sequence)] & bit(sequence) == 0
    }

    /// Takes `sequence` as accepted.
    package mutating func commit(_ sequence: UInt64) {
        guard sequence > 0 else { return }
        if sequence > highest {
            if sequence - highest >= ReplayWindow.bitsCount {
                bits = .init(repeating: 0)
            } else {
                // Passed numbers have not come yet, and their bits still speak of numbers 1,024 earlier.
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

    /// Datagrams that have come, of those that were sent.
    package typealias Arrivals = (arrived: Int, sent: Int)

    /// How many of the last `span` numbers (at most 1,024, and no more than were sent) have come.
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

    /// Compares the numbers accepted.
    package static func == (left: ReplayWindow, right: ReplayWindow) -> Bool {
        left.highest == right.highest && (0..<16).allSatisfy { left.bits[$0] == right.bits[$0] }
    }
}
