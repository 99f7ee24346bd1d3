/// The rows of a query's result as text, in the server's order.
package struct MySQLResultSet: Equatable, Sendable {
    /// The column names in order. A name may occur more than once.
    package let columns: [String]
    /// The rows, with one value per column; `nil` for NULL.
    package let rows: [[String?]]
    /// The index of each column by its name in lower case. The lookup happens for every row of a result whose width and length the server controls.
    private let places: [String: Int]

    /// Creates a result from its parts.
    package init(columns: [String], rows: [[String?]]) {
        precondition(rows.allSatisfy { $0.count == columns.count }, "each row has a value a column")
        self.columns = columns
        self.rows = rows
        places = Dictionary(columns.enumerated().map { ($1.lowercased(), $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// Returns the first of `names` that is a column, ignoring case; `nil` when none is.
    ///
    /// It takes several names because servers have renamed columns: "Replica_IO_Running", "Slave_IO_Running".
    package func column(_ names: String...) -> Int? {
        for name in names {
            if let column = places[name.lowercased()] { return column }
        }
        return nil
    }

    /// Returns the value in row `row` of the first of `names` that is a column; `nil` for NULL, and when the row or column does not exist.
    package func value(_ names: String..., row: Int = 0) -> String? {
        guard rows.indices.contains(row) else { return nil }
        for name in names {
            if let column = column(name) { return rows[row][column] }
        }
        return nil
    }
}

/// A server's answer to a query.
package enum MySQLAnswer: Equatable, Sendable {
    /// A result set, possibly without rows.
    case rows(MySQLResultSet)
    /// Success of a statement without a result set.
    case done(MySQLOKPacket)
    /// An error. The session continues.
    case refused(MySQLErrorPacket)
}

/// The reason why an answer to a query is rejected.
package enum MySQLResultError: Error, Equatable, Sendable {
    /// A packet violates the protocol. The value is what was expected.
    case malformed(String)
    /// The answer exceeds a limit. The values are what is counted, and the limit.
    case tooMuch(String, limit: Int)
}

/// Reads the answer to one query from its packets: a text protocol result set, terminated by an EOF packet.
///
///     expecting    packet                                then
///     head         OK, ERR                               the answer is complete
///                  number of columns, length-encoded     columns
///     columns      `ColumnDefinition41`, one each        EOF after the last
///     EOF          EOF                                   rows
///     rows         a row: one value per column           rows
///                  EOF, ERR                              the answer is complete
///
/// This is the only form, because the login never requests CLIENT_DEPRECATE_EOF, multiple statements or local files.
///
/// - SeeAlso: MySQL source documentation, "Text Resultset"; MariaDB, "Result Set Packets".
package struct MySQLResultReader: Sendable {
    /// The limit on columns; SHOW REPLICA STATUS has about 60.
    package static let columnsMax = 512
    /// The limit on rows.
    package static let rowsMax = 1024
    /// The limit on a value, in bytes: GTID sets may be long.
    package static let cellBytesMax = 262_144
    /// The limit on a column name (64 characters of 4 bytes), in bytes.
    package static let columnNameBytesMax = 256
    /// The limit on all packets of an answer together, in bytes.
    package static let answerBytesMax = 1_048_576

    private enum State: Sendable {
        case head
        case columns(remaining: Int)
        case endOfColumns
        case rows
    }

    private var state = State.head
    private var columns: [String] = []
    private var rows: [[String?]] = []
    private var bytes = 0

    /// Creates a reader for one answer.
    package init() {}

    /// Takes in the next packet of the answer.
    ///
    /// - Returns: the answer when the packet completes it.
    /// - Throws: either case means that the connection cannot be used any further.
    package mutating func read(_ payload: [UInt8]) throws(MySQLResultError) -> MySQLAnswer? {
        bytes += payload.count
        guard bytes <= Self.answerBytesMax else { throw .tooMuch("bytes of an answer", limit: Self.answerBytesMax) }
        switch state {
        case .head:
            return try readHead(payload)
        case .columns(let remaining):
            columns.append(try Self.columnName(payload))
            state = remaining > 1 ? .columns(remaining: remaining - 1) : .endOfColumns
            return nil
        case .endOfColumns:
            guard Self.isEOF(payload) else { throw .malformed("the end of the columns") }
            state = .rows
            return nil
        case .rows:
            if Self.isEOF(payload) { return .rows(MySQLResultSet(columns: columns, rows: rows)) }
            if payload.first == 0xff {
                guard let error = MySQLErrorPacket(payload: payload) else { throw .malformed("a row") }
                return .refused(error)
            }
            guard rows.count < Self.rowsMax else { throw .tooMuch("rows", limit: Self.rowsMax) }
            rows.append(try row(payload))
            return nil
        }
    }

    private mutating func readHead(_ payload: [UInt8]) throws(MySQLResultError) -> MySQLAnswer? {
        if let error = MySQLErrorPacket(payload: payload) { return .refused(error) }
        if payload.first == 0 {
            guard let ok = MySQLOKPacket(payload: payload) else { throw .malformed("an OK packet") }
            return .done(ok)
        }
        var reader = ByteReader(payload)
        guard let count = reader.readLengthEncoded(), reader.isAtEnd else { throw .malformed("an answer to a query") }
        guard count <= UInt64(Self.columnsMax) else { throw .tooMuch("columns", limit: Self.columnsMax) }
        state = .columns(remaining: Int(count))
        return nil
    }

    /// Reads the name from `ColumnDefinition41`: catalog, schema, table, original table, name, and fields that are not needed.
    private static func columnName(_ payload: [UInt8]) throws(MySQLResultError) -> String {
        var reader = ByteReader(payload)
        for _ in 0..<4 {
            guard reader.readLengthEncodedBytes() != nil else { throw .malformed("a column") }
        }
        guard let name = reader.readLengthEncodedBytes() else { throw .malformed("a column") }
        guard name.count <= columnNameBytesMax else { throw .tooMuch("bytes of a column's name", limit: columnNameBytesMax) }
        return String(decoding: name, as: UTF8.self)
    }

    private func row(_ payload: [UInt8]) throws(MySQLResultError) -> [String?] {
        var reader = ByteReader(payload)
        var values: [String?] = []
        values.reserveCapacity(columns.count)
        for _ in columns {
            if reader.next == 0xfb {
                _ = reader.readByte()
                values.append(nil)
                continue
            }
            guard let value = reader.readLengthEncodedBytes() else { throw .malformed("a row") }
            guard value.count <= Self.cellBytesMax else { throw .tooMuch("bytes of a value", limit: Self.cellBytesMax) }
            values.append(String(decoding: value, as: UTF8.self))
        }
        guard reader.isAtEnd else { throw .malformed("a row") }
        return values
    }

    /// True for an `EOF_Packet`: 254 and at most 8 bytes. A row that starts with 254 is far longer.
    private static func isEOF(_ payload: [UInt8]) -> Bool { payload.first == 0xfe && payload.count < 9 }
}
