import Wire

/// Why a name has no addresses.
package enum ResolutionFailure: Equatable, Sendable {
    /// The name exists, but has no record of the type.
    case noAddress
    /// NXDOMAIN.
    case noSuchName
    /// REFUSED.
    case refused
    /// SERVFAIL or another code.
    case other
    /// No nameserver answered.
    case timeout
}

/// One nameserver's records of one type: at least one.
package struct RecordAnswer: Equatable, Sendable {
    /// In the order of the answer; empty for a service.
    package let addresses: [IPAddress]
    /// In the order of the answer; empty unless for a service.
    let services: [DNSService]
    /// Addresses of the services' targets that the answer contained.
    let additional: [DNSAddress]
    /// The time to live in the answer.
    package let timeToLive: Duration
    /// The number of records in the answer if more than the kept ones; otherwise `nil`.
    let truncatedTotal: Int?
    /// Index of the nameserver.
    package let nameserver: Int

    /// Takes the records of an answer.
    init(_ answer: DNSAnswer, from nameserver: Int) {
        (addresses, services, additional) = (answer.addresses, answer.services, answer.additional)
        timeToLive = .seconds(Int64(answer.timeToLive))
        truncatedTotal = answer.isCut ? answer.total : nil
        self.nameserver = nameserver
    }
}

/// The outcome of the questions for one record type.
package enum RecordOutcome: Equatable, Sendable {
    /// All of the name's records.
    case complete(RecordAnswer)
    /// Not all of the name's records: the answer was truncated and not repeated over TCP, or has more records than are kept.
    case partial(RecordAnswer)
    /// No records, and the nameserver that answered; `nil` after a timeout.
    case failed(ResolutionFailure, nameserver: Int?)

    /// The addresses, empty after a failure.
    package var addresses: [IPAddress] {
        switch self {
        case .complete(let answer), .partial(let answer): answer.addresses
        case .failed: []
        }
    }
}

/// The questions for one name and record type. All nameservers are asked until one returns records or all have failed.
///
///             records (any nameserver)
///     open ------------------------------------------------> complete
///          every nameserver has answered without records, or one
///          has denied the name or the type by the deadline
///          ------------------------------------------------> failed
///          deadline of the last attempt -------------------> partial, failed
///
/// A nameserver that fails (SERVFAIL, REFUSED) is asked again at the next attempt, like a silent one.
struct RecordResolution {
    /// The state of one nameserver.
    private enum Answer: Equatable {
        case waiting
        case unreachable
        case failed(ResolutionFailure)
    }

    /// The record type.
    let type: DNSRecordType
    /// The outcome; `nil` while it is open.
    private(set) var outcome: RecordOutcome?
    private var answers: [Answer]
    private var open: [OpenQuestion] = []
    private var partial: RecordAnswer?

    init(_ type: DNSRecordType, nameservers: Int) {
        self.type = type
        answers = Array(repeating: .unreachable, count: nameservers)
    }

    /// True while question `number` is open.
    func expects(_ number: UInt64) -> Bool { open.contains { $0.number == number } }

    /// True when a nameserver has answered that the name, or a record of the type, does not exist.
    var isDenied: Bool { answers.contains(.failed(.noSuchName)) || answers.contains(.failed(.noAddress)) }

    /// The number of open questions.
    var openQuestions: Int { open.count }

    /// Asks every nameserver, except those that have denied the name or the type, and those with a pending TCP question.
    mutating func ask(for name: DNSName, _ group: inout NameserverGroup) {
        for nameserver in answers.indices {
            switch answers[nameserver] {
            case .failed(.noSuchName), .failed(.noAddress):
                continue
            case .waiting, .unreachable, .failed:
                guard !open.contains(where: { $0.nameserver == nameserver && $0.transport == .tcp }) else { continue }
                // An answer to an earlier question still counts, if there is room for both.
                if group.isFull, let earlier = open.firstIndex(where: { $0.nameserver == nameserver }) { close(earlier, &group) }
                guard !group.isFull else { continue }
                answers[nameserver] = .waiting
                open.append(group.ask(nameserver, type, of: name, over: group.settings.transports[nameserver]))
            }
        }
    }

    /// Handles a message for question `number`. Returns true when the deadline must be extended for TCP.
    mutating func receive(_ message: [UInt8], for number: UInt64, of name: DNSName, _ group: inout NameserverGroup) -> Bool {
        guard let index = open.firstIndex(where: { $0.number == number }) else { return false }
        let question = open[index]
        let answer: DNSAnswer
        do throws(DNSAnswerError) {
            answer = try DNSAnswer(message, to: question.question)
        } catch {
            if error == .aliasLoop { group.counters[question.nameserver].aliasErrors += 1 } else { group.counters[question.nameserver].invalid += 1 }
            // Over UDP the message may be forged, and the genuine one may still arrive.
            if question.transport == .tcp { fail(number, with: .other, &group) }
            return false
        }
        guard outcome == nil else {
            group.counters[question.nameserver].outdated += 1
            close(index, &group)
            return false
        }
        if question.transport == .udp, answer.isTruncated || message.count > question.answerBytesMax {
            keepPartial(answer, question.nameserver)
            if answer.isTruncated { group.counters[question.nameserver].truncated += 1 } else { group.counters[question.nameserver].tooBig += 1 }
            close(index, &group)
            open.append(group.ask(question.nameserver, type, of: name, over: .tcp))
            return true
        }
        close(index, &group)
        handle(answer, to: question, of: name, &group)
        return false
    }

    /// Handles a question that could not be sent, or whose connection ended without an answer.
    mutating func questionFailed(_ number: UInt64, _ group: inout NameserverGroup) {
        guard let question = open.first(where: { $0.number == number }) else { return }
        group.counters[question.nameserver].sendErrors += 1
        fail(number, with: nil, &group)
    }

    /// Ends an attempt. `isLast`: there is no further one.
    mutating func attemptEnded(isLast: Bool, _ group: inout NameserverGroup) {
        guard outcome == nil else { return }
        for nameserver in answers.indices where answers[nameserver] == .waiting { group.counters[nameserver].timeouts += 1 }
        if isDenied || isLast { settleWithoutAnswer() }
    }

    /// Closes all open questions.
    mutating func forgetAll(_ group: inout NameserverGroup) {
        for question in open { group.forget(question.number) }
        open.removeAll()
    }

    private mutating func handle(_ answer: DNSAnswer, to question: OpenQuestion, of name: DNSName, _ group: inout NameserverGroup) {
        let nameserver = question.nameserver
        if answer.aliases > 0 { group.counters[nameserver].aliases += 1 }
        switch answer.code {
        case .noError where !answer.isEmpty:
            group.counters[nameserver].valid += 1
            let records = RecordAnswer(answer, from: nameserver)
            outcome = answer.isCut ? .partial(records) : .complete(records)
        case .noError where answer.isFinal:
            group.counters[nameserver].empty += 1
            recordFailure(.noAddress, nameserver)
        case .noSuchName:
            group.counters[nameserver].noSuchName += 1
            recordFailure(.noSuchName, nameserver)
        case .refused:
            group.counters[nameserver].refused += 1
            recordFailure(.refused, nameserver)
        case .formatError where question.question.extended != .none, .notImplemented where question.question.extended != .none:
            group.supportsExtensions[nameserver] = false
            open.append(group.ask(nameserver, type, of: name, over: question.transport))
        case .noError, .formatError, .notImplemented, .serverFailure, .other:
            group.counters[nameserver].other += 1
            recordFailure(.other, nameserver)
        }
    }

    private mutating func recordFailure(_ failure: ResolutionFailure, _ nameserver: Int) {
        answers[nameserver] = .failed(failure)
        let haveAllAnswered = answers.allSatisfy { if case .failed = $0 { true } else { false } }
        if haveAllAnswered { settleWithoutAnswer() }
    }

    private mutating func fail(_ number: UInt64, with failure: ResolutionFailure?, _ group: inout NameserverGroup) {
        guard let index = open.firstIndex(where: { $0.number == number }) else { return }
        let nameserver = open[index].nameserver
        close(index, &group)
        guard outcome == nil, !open.contains(where: { $0.nameserver == nameserver }) else { return }
        if let failure { recordFailure(failure, nameserver) } else { answers[nameserver] = .unreachable }
    }

    private mutating func keepPartial(_ answer: DNSAnswer, _ nameserver: Int) {
        guard answer.code == .noError, !answer.isEmpty else { return }
        guard answer.addresses.count + answer.services.count > (partial.map { $0.addresses.count + $0.services.count } ?? 0) else { return }
        partial = RecordAnswer(answer, from: nameserver)
    }

    /// Settles with partial records, or with the mildest failure: a name that exists for one nameserver exists.
    private mutating func settleWithoutAnswer() {
        if let partial {
            outcome = .partial(partial)
            return
        }
        for failure in [ResolutionFailure.noAddress, .noSuchName, .other, .refused] {
            guard let nameserver = answers.firstIndex(of: .failed(failure)) else { continue }
            outcome = .failed(failure, nameserver: nameserver)
            return
        }
        outcome = .failed(.timeout, nameserver: nil)
    }

    private mutating func close(_ index: Int, _ group: inout NameserverGroup) {
        group.forget(open[index].number)
        open.remove(at: index)
    }
}
