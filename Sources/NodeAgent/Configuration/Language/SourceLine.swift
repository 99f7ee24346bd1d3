import Proxy

/// The lines of a file.
struct SourceLines: Sequence, IteratorProtocol {
    private var rest: ArraySlice<UInt8>
    private var number = 0

    /// Splits the bytes of a file, without the byte order mark of UTF-8 with which editors on Windows begin a file.
    init(_ bytes: [UInt8]) { rest = bytes.dropFirst(bytes.starts(with: [0xef, 0xbb, 0xbf]) ? 3 : 0) }

    /// The next line without its line feed; `isComplete` is false for a last line without one.
    mutating func next() -> (number: Int, bytes: ArraySlice<UInt8>, isComplete: Bool)? {
        guard !rest.isEmpty else { return nil }
        number += 1
        let end = rest.firstIndex(of: 0x0a)
        let line = rest[..<(end ?? rest.endIndex)]
        rest = rest[(end.map { $0 + 1 } ?? rest.endIndex)...]
        return (number, line, end != nil)
    }
}

/// A line of a file and its words, in which a message finds what it is about.
struct SourceLine {
    /// The line without its line feed.
    let bytes: ArraySlice<UInt8>
    /// The words; empty if the line cannot be split.
    let words: [String]
    /// The bytes of each word, as offsets in the line.
    let columns: [Range<Int>]
    /// The index of the first word that was not taken yet when the problem was found.
    let next: Int

    /// The words of a line that has been parsed as far as its next word.
    init(_ bytes: ArraySlice<UInt8>, _ line: ConfigurationLine) {
        self.bytes = bytes
        (words, columns, next) = (line.words, line.columns, line.next)
    }

    /// The words of a line that has been parsed completely. Without them, messages are about the whole line.
    init(_ bytes: ArraySlice<UInt8>, environment: [String: String]) {
        self.bytes = bytes
        let line = (try? ConfigurationLexer(environment: environment).read(bytes)) ?? ConfigurationLexer.Line()
        (words, columns, next) = (line.words, line.columns, line.words.count)
    }

    /// The line for a message about `problem`.
    func excerpt(of problem: ConfigurationProblem, hidesValues: Bool) -> SourceExcerpt {
        SourceExcerpt(bytes, columns: columns(of: problem) ?? wholeLine, hidesValues: hidesValues)
    }

    /// From the first word to the last one.
    private var wholeLine: Range<Int> {
        if let first = columns.first, let last = columns.last { return first.lowerBound..<last.upperBound }
        let begin = bytes.firstIndex { !ConfigurationLexer.isBlank($0) } ?? bytes.endIndex
        let end = bytes.lastIndex { !ConfigurationLexer.isBlank($0) }.map { $0 + 1 } ?? bytes.endIndex
        return (begin - bytes.startIndex)..<(max(begin, end) - bytes.startIndex)
    }

    /// The words that `problem` quotes; `nil` if they are not on the line.
    private func columns(of problem: ConfigurationProblem) -> Range<Int>? {
        if case .surplusArgument = problem, next < columns.count { return columns[next] }
        for subject in problem.subjects { if let found = columns(of: subject) { return found } }
        return nil
    }

    /// The words `subject`. The last of them may be a part of a word, because a message may quote one.
    private func columns(of subject: String) -> Range<Int>? {
        guard words.count == columns.count else { return nil }
        var parts = subject.split(separator: " ").map(String.init)
        // "use_backend ... if": the words in between vary.
        if let gap = parts.lastIndex(of: "...") { parts.removeSubrange(...gap) }
        let searches: [([String], (String, String) -> Bool)] = [
            ([subject], ==), (parts, ==), ([subject].filter { !$0.isEmpty }, ConfigurationCondition.contains),
            (parts, ConfigurationCondition.contains),
        ]
        for (wanted, isLast) in searches {
            guard let last = wanted.last, wanted.count <= words.count else { continue }
            let starts = (0...(words.count - wanted.count)).filter { start in
                let end = start + wanted.count - 1
                return words[start..<end].elementsEqual(wanted.dropLast()) && isLast(words[end], last)
            }
            // The last of the places that have been taken, or else the first one after them.
            guard let start = starts.last(where: { $0 + wanted.count <= next }) ?? starts.first else { continue }
            if wanted.count == 1, last != words[start], let part = part(last, of: start) { return part }
            return columns[start].lowerBound..<columns[start + wanted.count - 1].upperBound
        }
        return nil
    }

    /// The bytes of `text` inside of a word, if the word's bytes contain it exactly once: escapes and variables may hide it, or make it ambiguous.
    private func part(_ text: String, of word: Int) -> Range<Int>? {
        let whole = bytes.dropFirst(columns[word].lowerBound).prefix(columns[word].count)
        let count = text.utf8.count
        guard count > 0, whole.count > count, whole.count <= ConfigurationLexer.wordBytesMax else { return nil }
        let starts = (whole.startIndex...(whole.endIndex - count)).filter { whole[$0...].starts(with: text.utf8) }
        guard starts.count == 1, let start = starts.first else { return nil }
        return (start - bytes.startIndex)..<(start - bytes.startIndex + count)
    }
}
