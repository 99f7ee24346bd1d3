import Wire

/// One nameserver's counters, each with HAProxy's name first.
package struct NameserverCounters: Equatable, Sendable {
    /// `sent`: questions.
    package var sent = 0
    /// `snd_error`: questions that could not be sent or whose connection failed.
    package var sendErrors = 0
    /// `valid`: answers with addresses.
    package var valid = 0
    /// `update`: server addresses changed by its answers.
    package var updates = 0
    /// `cname`: answers with an alias.
    package var aliases = 0
    /// `cname_error`: aliases that lead nowhere.
    package var aliasErrors = 0
    /// `any_err`: answers without any record of the requested type.
    package var empty = 0
    /// `nx`: answers that the name does not exist.
    package var noSuchName = 0
    /// `timeout`: attempts without an answer in time.
    package var timeouts = 0
    /// `refused`.
    package var refused = 0
    /// `other`: other failures, including SERVFAIL.
    package var other = 0
    /// `invalid`: messages that match no question or cannot be parsed.
    package var invalid = 0
    /// `too_big`: UDP answers larger than the announced size.
    package var tooBig = 0
    /// `truncated`: UDP answers without all records. The question is repeated over TCP.
    package var truncated = 0
    /// `outdated`: answers that arrived after the question was settled.
    package var outdated = 0

    /// Creates zeros.
    package init() {}
}

/// A question to a nameserver.
package struct NameserverQuestion: Equatable, Sendable {
    /// The question's unique number. Answers and failures are reported with it.
    package let number: UInt64
    /// Index into the section's nameservers.
    package let nameserver: Int
    /// The transport.
    package let transport: QuestionTransport
    /// The message, without the length prefix of TCP.
    package let bytes: [UInt8]
}

/// An action that the caller must carry out for a resolution.
package enum QuestionOutput: Equatable, Sendable {
    /// Send this from a new socket, and report its answers and its failure with its number.
    case ask(NameserverQuestion)
    /// Close the socket of this question.
    case forget(UInt64)
}

/// The state that all resolutions of a section share: its nameservers and open questions.
package struct NameserverGroup {
    /// The settings of questions.
    package struct Settings: Equatable, Sendable {
        /// The transport of the first question, by nameserver. All nameservers are asked at the same time, and over TCP when an answer is truncated.
        package var transports: [QuestionTransport]
        /// The number of repetitions of a question.
        package var retriesMax: Int
        /// The time for an answer before the question is repeated.
        package var retryTimeout: Duration
        /// The announced size of UDP answers, in bytes.
        package var payloadBytesMax: Int
        /// The most open questions, each with a socket.
        package var questionsMax: Int

        /// Creates settings for nameservers with these transports. Values outside the valid range are adjusted.
        package init(transports: [QuestionTransport], retriesMax: Int, retryTimeout: Duration, payloadBytesMax: Int, questionsMax: Int) {
            self.transports = transports
            self.retriesMax = max(0, retriesMax)
            self.retryTimeout = max(retryTimeout, .milliseconds(10))
            self.payloadBytesMax = min(max(payloadBytesMax, DNSQuestion.plainPayloadBytes), 65535)
            self.questionsMax = questionsMax
        }
    }

    /// The settings of questions.
    package let settings: Settings
    /// By nameserver.
    package var counters: [NameserverCounters]
    /// By nameserver: false after it has rejected EDNS0.
    var supportsExtensions: [Bool]
    /// Pending actions, in order.
    private var outputs: [QuestionOutput] = []
    /// The number of open questions.
    private(set) var questionsOpen = 0
    private var random: any RandomNumberGenerator
    private var numbersUsed: UInt64 = 0

    /// Creates the initial state. `random` provides message identifiers.
    package init(settings: Settings, random: any RandomNumberGenerator) {
        self.settings = settings
        self.random = random
        counters = Array(repeating: NameserverCounters(), count: settings.transports.count)
        supportsExtensions = Array(repeating: true, count: settings.transports.count)
    }

    /// The next action. Drain until `nil` after every input.
    package mutating func nextOutput() -> QuestionOutput? { outputs.isEmpty ? nil : outputs.removeFirst() }

    /// True when a resolution of this many record types may start.
    package func hasRoom(forTypes types: Int) -> Bool { questionsOpen == 0 || questionsOpen + types * settings.transports.count <= settings.questionsMax }

    /// True when no further question may be opened.
    var isFull: Bool { questionsOpen >= settings.questionsMax }

    /// Closes question `number`.
    mutating func forget(_ number: UInt64) {
        questionsOpen -= 1
        outputs.append(.forget(number))
    }

    /// Asks nameserver `nameserver` for `type` of `name`. Returns the question, by which its answer is recognised.
    mutating func ask(_ nameserver: Int, _ type: DNSRecordType, of name: DNSName, over transport: QuestionTransport) -> OpenQuestion {
        let extended = supportsExtensions[nameserver] ? DNSExtension.payload(bytesMax: settings.payloadBytesMax) : .none
        let identifier = UInt16.random(in: 0...UInt16.max, using: &random)
        let question = DNSQuestion(identifier: identifier, name: name, type: type, extended: extended)
        numbersUsed += 1
        questionsOpen += 1
        counters[nameserver].sent += 1
        outputs.append(.ask(NameserverQuestion(number: numbersUsed, nameserver: nameserver, transport: transport, bytes: question.encoded())))
        return OpenQuestion(number: numbersUsed, nameserver: nameserver, transport: transport, question: question)
    }
}

/// A question that waits for its answer.
struct OpenQuestion: Equatable, Sendable {
    let number: UInt64
    let nameserver: Int
    let transport: QuestionTransport
    let question: DNSQuestion

    /// The largest answer that the question allows, in bytes.
    var answerBytesMax: Int {
        switch (transport, question.extended) {
        case (.tcp, _): 65535
        case (.udp, .none): DNSQuestion.plainPayloadBytes
        case (.udp, .payload(let bytesMax)): max(bytesMax, DNSQuestion.plainPayloadBytes)
        }
    }
}
