import Wire

/// What one nameserver was asked and said. HAProxy's name for each stands first.
package struct NameserverCounters: Equatable, Sendable {
    /// `sent`: questions.
    package var sent = 0
    /// `snd_error`: questions that the kernel did not take, or that no process received.
    package var sendErrors = 0
    /// `valid`: answers with addresses.
    package var valid = 0
    /// `update`: addresses of servers that were changed by its answers.
    package var updates = 0
    /// `cname`: answers that led through an alias.
    package var aliases = 0
    /// `cname_error`: aliases that led nowhere.
    package var aliasErrors = 0
    /// `any_err`: answers without any address of the type asked for.
    package var empty = 0
    /// `nx`: the name does not exist.
    package var noSuchName = 0
    /// `timeout`: questions without an answer in time.
    package var timeouts = 0
    /// `refused`.
    package var refused = 0
    /// `other`: failures, SERVFAIL among them.
    package var other = 0
    /// `invalid`: messages that answer no question of ours, or cannot be read.
    package var invalid = 0
    /// `too_big`: UDP answers larger than we announced to take.
    package var tooBig = 0
    /// `truncated`: UDP answers that lack records; the question is repeated over TCP.
    package var truncated = 0
    /// `outdated`: answers that came after the question was settled.
    package var outdated = 0

    /// All zero.
    package init() {}
}

/// How a question travels.
package enum QuestionTransport: Equatable, Sendable {
    /// One datagram each way, from a socket and port of its own.
    case udp
    /// A connection of its own; each message has a two-byte length before it.
    case tcp
}

/// One question that is to be sent, or has been.
package struct NameserverQuestion: Equatable, Sendable {
    /// Which question: given back with its answer or failure. Never used twice.
    package let number: UInt64
    /// Index into the section's nameservers.
    package let nameserver: Int
    /// How it travels.
    package let transport: QuestionTransport
    /// The message, without TCP's length.
    package let bytes: [UInt8]
}

/// What a resolution wants done.
package enum QuestionOutput: Equatable, Sendable {
    /// Send this from a new socket; report its answers and its failure by its number.
    case ask(NameserverQuestion)
    /// Close the socket of this question; answers to it are no longer wanted.
    case forget(UInt64)
}

/// The nameservers of one section: what all resolutions share.
package struct NameserverGroup {
    /// How questions are asked.
    package struct Settings: Equatable, Sendable {
        /// How many nameservers there are; all are asked at once.
        package var nameservers: Int
        /// How often a question is repeated.
        package var retriesMax: Int
        /// How long an answer is waited for before the question is repeated.
        package var retryTimeout: Duration
        /// The size of UDP answers announced.
        package var payloadBytesMax: Int
        /// The most questions open at once, each with a socket.
        package var questionsMax: Int

        /// Settings for `nameservers` nameservers.
        package init(nameservers: Int, retriesMax: Int, retryTimeout: Duration, payloadBytesMax: Int, questionsMax: Int) {
            self.nameservers = nameservers
            self.retriesMax = max(0, retriesMax)
            self.retryTimeout = max(retryTimeout, .milliseconds(10))
            self.payloadBytesMax = min(max(payloadBytesMax, DNSQuestion.plainPayloadBytes), 65535)
            self.questionsMax = questionsMax
        }
    }

    /// How questions are asked.
    package let settings: Settings
    /// Per nameserver.
    package var counters: [NameserverCounters]
    /// Per nameserver: false once it has rejected EDNS0.
    var takesExtensions: [Bool]
    /// What is to be done, in order.
    private var outputs: [QuestionOutput] = []
    /// The number of open questions.
    private(set) var questionsOpen = 0
    private var random: any RandomNumberGenerator
    private var numbersUsed: UInt64 = 0

    /// Nameservers that nothing is known of; message identifiers come from `random`.
    package init(settings: Settings, random: any RandomNumberGenerator) {
        self.settings = settings
        self.random = random
        counters = Array(repeating: NameserverCounters(), count: settings.nameservers)
        takesExtensions = Array(repeating: true, count: settings.nameservers)
    }

    /// The next thing to do; drain until `nil` after every input.
    package mutating func nextOutput() -> QuestionOutput? { outputs.isEmpty ? nil : outputs.removeFirst() }

    /// True when a resolution of this many record types can begin.
    package func hasRoom(forTypes types: Int) -> Bool { questionsOpen == 0 || questionsOpen + types * settings.nameservers <= settings.questionsMax }

    /// True when no further question can be open.
    var isFull: Bool { questionsOpen >= settings.questionsMax }

    /// Ends question `number`.
    mutating func forget(_ number: UInt64) {
        questionsOpen -= 1
        outputs.append(.forget(number))
    }

    /// Asks nameserver `nameserver` for `type` of `name`, and returns how to recognise the answer.
    mutating func ask(_ nameserver: Int, _ type: DNSRecordType, of name: DNSName, over transport: QuestionTransport) -> OpenQuestion {
        let extended = takesExtensions[nameserver] ? DNSExtension.payload(bytesMax: settings.payloadBytesMax) : .none
        let identifier = UInt16.random(in: 0...UInt16.max, using: &random)
        let question = DNSQuestion(identifier: identifier, name: name, type: type, extended: extended)
        numbersUsed += 1
        questionsOpen += 1
        counters[nameserver].sent += 1
        outputs.append(.ask(NameserverQuestion(number: numbersUsed, nameserver: nameserver, transport: transport, bytes: question.encoded())))
        return OpenQuestion(number: numbersUsed, nameserver: nameserver, transport: transport, question: question)
    }
}

/// A question whose answer is waited for.
struct OpenQuestion: Equatable, Sendable {
    let number: UInt64
    let nameserver: Int
    let transport: QuestionTransport
    let question: DNSQuestion

    /// The largest answer that the question allows.
    var answerBytesMax: Int {
        switch (transport, question.extended) {
        case (.tcp, _): 65535
        case (.udp, .none): DNSQuestion.plainPayloadBytes
        case (.udp, .payload(let bytesMax)): max(bytesMax, DNSQuestion.plainPayloadBytes)
        }
    }
}
