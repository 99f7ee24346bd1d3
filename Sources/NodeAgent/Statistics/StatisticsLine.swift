/// The template of one kind of row: the fields, and the constant text between them.
///
/// A line has over a hundred fields, most of them constant. They are joined once, so that a row costs no more than its variable fields.
struct StatisticsLine<Values: Sendable>: Sendable {
    private struct Part: Sendable {
        /// The text before the field.
        let constant: [UInt8]
        let field: StatisticsField<Values>
    }

    private static var comma: UInt8 { UInt8(ascii: ",") }
    private let parts: [Part]
    private let end: [UInt8]

    /// The template of these fields. Each field ends with a comma, the line with a newline.
    init(_ fields: [StatisticsField<Values>]) {
        var parts: [Part] = []
        var constant: [UInt8] = []
        for field in fields {
            if case .constant(let text) = field {
                constant += Array(text.utf8)
            } else {
                parts.append(Part(constant: constant, field: field))
                constant = []
            }
            constant.append(Self.comma)
        }
        self.parts = parts
        end = constant + [UInt8(ascii: "\n")]
    }

    /// The line of `row`.
    func text(of row: StatisticsRow<Values>) -> String {
        var line = FieldText()
        for part in parts {
            line.append(part.constant)
            switch part.field {
            case .constant: break
            case .number(let read): if let number = read(row) { line.append(number) }
            case .text(let read): if let text = read(row) { line.append(StatisticsTable.quoted(text)) }
            }
        }
        line.append(end)
        return line.text
    }
}
