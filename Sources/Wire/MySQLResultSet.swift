/// The rows that a query gave, as text, in the server's order.
package struct MySQLResultSet: Equatable, Sendable {
    /// The columns' names, in order; a name may come twice.
    package let columns: [String]
    /// The rows: a value a column, `nil` for NULL.
    package let rows: [[String?]]
    /// The place of each column, by its name in small letters: asked for in every row of an answer that a server may make as wide and long as it likes.
    private let places: [String: Int]

    /// A result from its parts.
    package init(columns: [String], rows: [[String?]]) {
        precondition(rows.allSatisfy { $0.count == columns.count }, "each row has a value a column")
        self.columns = columns
        self.rows = rows
        places = Dictionary(columns.enumerated().map { ($1.lowercased(), $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// The first of `names` that is a column, letters of both cases being alike; `nil` when none is.
    ///
    /// Several names, since servers renamed some: "Replica_IO_Running", "Slave_IO_Running".
    package func column(_ names: String...) -> Int? {
        for name in names {
            if let column = places[name.lowercased()] { return column }
        }
        return nil
    }

    /// The value in row `row` of the first of `names` that is a column; `nil` for NULL, and when there is no such row or column.
    package func value(_ names: String..., row: Int = 0) -> String? {
        guard rows.indices.contains(row) else { return nil }
        for name in names {
            if let column = column(name) { return rows[row][column] }
        }
        return nil
    }
}

/// What a server said to a query.
package enum MySQLAnswer: Equatable, Sendable {
    /// Rows, perhaps none.
    case rows(MySQLResultSet)
    /// Done: the statement gives no rows.
    case done(MySQLOKPacket)
    /// Refused. The session goes on.
    case refused(MySQLErrorPacket)
}

/// Why an answer to a query is not taken.
package enum MySQLResultError: Error, Equatable, Sendable {
    /// A packet is not of the protocol; what was expected in its place.
    case malformed(String)
    /// More than a reader takes: of what, and how many it takes.
    case tooMuch(String, limit: Int)
}

/// Reads the answer to one query from its packets: a text protocol result set that ends with an EOF packet.
///
///     expecting    packet                                then
///     head         OK, ERR                               the answer is whole
///                  number of columns, length-encoded     columns
///     columns      `ColumnDefinition41`, one each        EOF after the last
///     EOF          EOF                                   rows
///     rows         a row: a value a column               rows
///                  EOF, ERR                              the answer is whole
///
/// There is one way, because the login never asks for CLIENT_DEPRECATE_EOF, for several statements or for files of the client.
///
/// - SeeAlso: MySQL source documentation, "Text Resultset"; MariaDB, "Result Set Packets".
package struct MySQLResultReader: Sendable {
    /// SHOW REPLICA STATUS has about 60.
    package static let columnsMax = 512
    /// More rows are refused.
    package static let rowsMax = 1024
    /// The longest value, in bytes: sets of GTIDs may be long.
    package static let cellBytesMax = 262_144
    /// The longest name of a column (64 letters of 4 bytes), in bytes.
    package static let columnNameBytesMax = 256
    /// All packets of one answer together, in bytes.
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

    /// A reader that has seen nothing of the answer.
    package init() {}

    /// Takes the answer's next packet.
    ///
    /// - Returns: the answer when this was its last packet.
    /// - Throws: either case means that the server cannot be understood any more.
    package mutating func take(_ payload: [UInt8]) throws(MySQLResultError) -> MySQLAnswer? {
        bytes += payload.count
        guard bytes <= Self.answerBytesMax else { throw .tooMuch("bytes of an answer", limit: Self.answerBytesMax) }
        switch state {
        case .head:
            return try takeHead(payload)
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

    private mutating func takeHead(_ payload: [UInt8]) throws(MySQLResultError) -> MySQLAnswer? {
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

    /// `ColumnDefinition41`: catalog, schema, table, original table, name, and more that is not needed.
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

    /// An `EOF_Packet`: 254 and at most 8 bytes; a row that begins with 254 is far longer.
    private static func isEOF(_ payload: [UInt8]) -> Bool { payload.first == 0xfe && payload.count < 9 }
}
