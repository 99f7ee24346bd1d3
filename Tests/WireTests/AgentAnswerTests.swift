import Testing
import Wire

@Suite("An agent's answer")
struct AgentAnswerTests {
    private func answer(_ line: String) -> AgentAnswer { AgentAnswer(line: Array(line.utf8)[...]) }

    @Test("has words in any order and case, separated by blanks, tabs and commas")
    func words() {
        for line in ["up ready 75% maxconn:30", "maxconn:30,75%\tREADY ,, Up", "  uP\tReady,75%,MaxConn:30  "] {
            let answer = answer(line)
            #expect(answer.health?.isUp == true && answer.administration == .ready, "\(line)")
            #expect(answer.percent == .value(75) && answer.connectionsMax == .value(30) && answer.unknownWord == nil && answer.description.isEmpty, "\(line)")
        }
        #expect(["down", "stopped", "FAIL"].map { answer($0).health?.isUp } == [false, false, false])
        #expect(answer("FAIL").health?.word == "FAIL", "the word is shown as the agent wrote it")
        #expect(["ready", "drain", "maint"].map { answer($0).administration } == [.ready, .drain, .maint])
        #expect(answer(" \t,") == answer(""))
    }

    @Test("means its last word of a kind, and reports its first unknown one")
    func lastWord() {
        let answer = answer("up drain 10% 20% maxconn:1 down foo maint bar maxconn:2")
        #expect(answer.health?.word == "down" && answer.administration == .maint)
        #expect(answer.percent == .value(20) && answer.connectionsMax == .value(2) && answer.unknownWord == "foo")
    }

    @Test("ends with a description, which begins at a word's number sign")
    func description() {
        #expect(answer("down # lag 300s").description == "lag 300s")
        #expect(answer("up #\t  spaced   text  ").description == "spaced   text  ")
        #expect(answer("up # a#b # up down").description == "a#b # up down" && answer("up # a#b # up down").health?.isUp == true)
        #expect(answer("down #").description.isEmpty && answer("#x").description == "x")
        #expect(answer("down#x").unknownWord == "down#x" && answer("down#x").health == nil)
        #expect(answer("up ready#x").unknownWord == "ready#x")
    }

    static let numbers: [(word: String, number: AgentAnswer.Number?, unknown: String?)] = [
        ("0%", .value(0), nil), ("100%", .value(100), nil), ("00050%", .value(50), nil), ("99999999999999999999%", .value(AgentAnswer.numberMax), nil),
        ("50%x", .malformed("Trailing garbage in weight string"), nil), ("5%5%", .malformed("Trailing garbage in weight string"), nil),
        ("1e3%", .malformed("Trailing garbage in weight string"), nil), ("50", nil, "50"), ("%", nil, "%"), ("-5%", nil, "-5%"),
    ]

    @Test("has a weight in per cent only in a word that begins with a digit", arguments: numbers.indices)
    func percent(index: Int) {
        let (word, number, unknown) = Self.numbers[index]
        #expect(answer(word).percent == number && answer(word).unknownWord == unknown, "\(word)")
    }

    static let limits: [(word: String, number: AgentAnswer.Number)] = [
        ("maxconn:5", .value(5)), ("maxconn:0", .value(0)), ("maxconn:+7", .value(7)), ("maxconn:-1", .value(0)),
        ("maxconn:99999999999", .value(AgentAnswer.numberMax)), ("maxconn:", .malformed("Require <maxconn>.\n")),
        ("maxconn:x", .malformed("maxconn string empty or preceded by garbage")), ("maxconn:-", .malformed("maxconn string empty or preceded by garbage")),
        ("maxconn:1x", .malformed("Trailing garbage in maxconn string")),
    ]

    @Test("has a limit on sessions, or HAProxy's text about it", arguments: limits.indices)
    func connections(index: Int) {
        let (word, number) = Self.limits[index]
        #expect(answer(word).connectionsMax == number && answer(word).unknownWord == nil, "\(word)")
    }

    @Test("is complete at the first CR or LF, and at no earlier length")
    func truncation() {
        let whole = Array("up ready 75% maxconn:30 # text".utf8)
        for count in 0...whole.count {
            #expect(AgentAnswer.lineLength(in: whole.prefix(count)) == nil)
            _ = AgentAnswer(line: whole.prefix(count))
        }
        #expect(AgentAnswer.lineLength(in: (whole + Array("\r\nup\n".utf8))[...]) == whole.count)
        #expect(AgentAnswer.lineLength(in: (whole + Array("\nup\r".utf8))[...]) == whole.count)
        // A slice whose indices do not begin at zero.
        #expect(AgentAnswer.lineLength(in: ([0, 0] + whole + [10])[2...]) == whole.count)
    }

    @Test("never traps on random bytes", arguments: 0..<16 as Range<UInt64>)
    func randomBytes(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let alphabet = Array("up dowfail#%,\t:maxcn0123456789rety".utf8)
        for _ in 0..<2_000 {
            let bytes = (0..<Int(random.next() % 40)).map { _ in
                random.next() % 4 == 0 ? UInt8(truncatingIfNeeded: random.next()) : alphabet[Int(random.next() % UInt64(alphabet.count))]
            }
            let answer = AgentAnswer(line: bytes[...])
            for case .value(let number)? in [answer.percent, answer.connectionsMax] { #expect((0...AgentAnswer.numberMax).contains(number), "seed \(seed)") }
        }
    }
}
