import SwiftSyntax

/// Finds the mutants of a file, and the units that contain them.
///
///     <, <=, >, >=, ==, !=     the bound moved, the comparison reversed
///     &&, ||                   swapped
///     +, -, +=, -=, *, /       swapped
///     min, max                 swapped
///     conditions               negated: of if, guard, while, where and ?:, and the sides of && and ||
///     numbers                  one more, one less
///     true, false              swapped
///     calls, assignments       removed where they are statements
///     returned optional        nil
///     returned array           empty
///     case of a switch         its statements removed
///
/// Preconditions and assertions stay: they concern callers.
final class MutantFinder: SyntaxVisitor {
    private(set) var mutants: [Mutant] = []
    private(set) var units: [Unit] = []

    private let path: String
    private let lines: SourceLocationConverter
    /// The return types of the enclosing functions; `nil` in a closure.
    private var returned: [TypeSyntax?] = []
    /// Properties that an initializer must set.
    private var unset: Set<String> = []
    private var isInitializer = false

    init(path: String, tree: some SyntaxProtocol) {
        self.path = path
        lines = SourceLocationConverter(fileName: path, tree: tree)
        super.init(viewMode: .sourceAccurate)
    }

    private static let operators: [String: [String]] = [
        "<": ["<=", ">="], "<=": ["<", ">"], ">": [">=", "<="], ">=": [">", "<"], "==": ["!="], "!=": ["=="],
        "&&": ["||"], "||": ["&&"], "+": ["-"], "-": ["+"], "+=": ["-="], "-=": ["+="], "*": ["/"], "/": ["*"],
    ]
    private static let comparisons: Set = ["<", "<=", ">", ">=", "==", "!="]
    private static let checks: Set = ["precondition", "preconditionFailure", "assert", "assertionFailure", "fatalError"]

    private func add(_ node: some SyntaxProtocol, _ after: String) {
        let place = lines.location(for: node.positionAfterSkippingLeadingTrivia)
        let range = node.positionAfterSkippingLeadingTrivia.utf8Offset..<node.endPositionBeforeTrailingTrivia.utf8Offset
        mutants.append(Mutant(path: path, line: place.line, column: place.column, range: range, before: node.trimmedDescription, after: after))
    }

    private func addUnit(_ node: some SyntaxProtocol, isValue: Bool = false) {
        units.append(Unit(range: node.position.utf8Offset..<node.endPosition.utf8Offset, isValue: isValue))
    }

    // MARK: - Functions and values

    private func enter(_ statements: CodeBlockItemListSyntax, returning type: TypeSyntax?, isInitializer: Bool = false) {
        addUnit(statements)
        returned.append(type)
        self.isInitializer = isInitializer
        if statements.count == 1, let only = statements.first, case .expr(let value) = only.item { addReturned(value, of: type) }
    }

    /// Adds the replacements of a returned value.
    private func addReturned(_ value: ExprSyntax, of type: TypeSyntax?) {
        if type?.is(OptionalTypeSyntax.self) == true, !value.is(NilLiteralExprSyntax.self) { add(value, "nil") }
        if let array = value.as(ArrayExprSyntax.self), !array.elements.isEmpty { add(value, "[]") }
    }

    override func visit(_ node: FunctionDeclSyntax) -> SyntaxVisitorContinueKind {
        if let body = node.body { enter(body.statements, returning: node.signature.returnClause?.type) }
        return .visitChildren
    }
    override func visitPost(_ node: FunctionDeclSyntax) { if node.body != nil { returned.removeLast() } }

    override func visit(_ node: InitializerDeclSyntax) -> SyntaxVisitorContinueKind {
        if let body = node.body { enter(body.statements, returning: nil, isInitializer: true) }
        return .visitChildren
    }
    override func visitPost(_ node: InitializerDeclSyntax) { if node.body != nil { returned.removeLast() } }

    override func visit(_ node: MemberBlockSyntax) -> SyntaxVisitorContinueKind {
        for binding in node.members.compactMap({ $0.decl.as(VariableDeclSyntax.self) }).flatMap(\.bindings) {
            let isOptional = binding.typeAnnotation?.type.is(OptionalTypeSyntax.self) == true
            if binding.initializer == nil, binding.accessorBlock == nil, !isOptional { unset.insert(binding.pattern.trimmedDescription) }
        }
        return .visitChildren
    }

    override func visit(_ node: PatternBindingSyntax) -> SyntaxVisitorContinueKind {
        if case .getter(let statements) = node.accessorBlock?.accessors { enter(statements, returning: node.typeAnnotation?.type) }
        if returned.isEmpty, let value = node.initializer?.value { addUnit(value, isValue: true) }
        return .visitChildren
    }
    override func visitPost(_ node: PatternBindingSyntax) { if case .getter = node.accessorBlock?.accessors { returned.removeLast() } }

    override func visit(_ node: ClosureExprSyntax) -> SyntaxVisitorContinueKind {
        returned.append(nil)
        return .visitChildren
    }
    override func visitPost(_ node: ClosureExprSyntax) { returned.removeLast() }

    override func visit(_ node: ReturnStmtSyntax) -> SyntaxVisitorContinueKind {
        if let value = node.expression { addReturned(value, of: returned.last ?? nil) }
        return .visitChildren
    }

    // MARK: - Conditions

    /// Negates a condition, unless its operators are changed anyway.
    private func negate(_ condition: ExprSyntax) {
        if let infix = condition.as(InfixOperatorExprSyntax.self), let name = infix.operator.as(BinaryOperatorExprSyntax.self)?.operator.text {
            if Self.comparisons.contains(name) || name == "&&" || name == "||" { return }
        }
        if condition.is(BooleanLiteralExprSyntax.self) || condition.is(PrefixOperatorExprSyntax.self) { return }
        if let tuple = condition.as(TupleExprSyntax.self), tuple.elements.count == 1, let only = tuple.elements.first { return negate(only.expression) }
        add(condition, "!(\(condition.trimmedDescription))")
    }

    override func visit(_ node: ConditionElementSyntax) -> SyntaxVisitorContinueKind {
        if case .expression(let condition) = node.condition { negate(condition) }
        return .visitChildren
    }

    override func visit(_ node: WhereClauseSyntax) -> SyntaxVisitorContinueKind {
        negate(node.condition)
        return .visitChildren
    }

    override func visit(_ node: TernaryExprSyntax) -> SyntaxVisitorContinueKind {
        negate(node.condition)
        return .visitChildren
    }

    override func visit(_ node: PrefixOperatorExprSyntax) -> SyntaxVisitorContinueKind {
        if node.operator.text == "!" { add(node, node.expression.trimmedDescription) }
        return .visitChildren
    }

    // MARK: - Operators and constants

    override func visit(_ node: InfixOperatorExprSyntax) -> SyntaxVisitorContinueKind {
        guard let name = node.operator.as(BinaryOperatorExprSyntax.self)?.operator.text else { return .visitChildren }
        for other in Self.operators[name] ?? [] { add(node.operator, other) }
        if name == "&&" || name == "||" {
            negate(node.leftOperand)
            negate(node.rightOperand)
        }
        return .visitChildren
    }

    override func visit(_ node: IntegerLiteralExprSyntax) -> SyntaxVisitorContinueKind {
        guard let value = Int(node.literal.text.filter { $0 != "_" }) else { return .skipChildren }
        add(node, "\(value + 1)")
        if value > 0 { add(node, "\(value - 1)") }
        return .skipChildren
    }

    override func visit(_ node: BooleanLiteralExprSyntax) -> SyntaxVisitorContinueKind {
        add(node, node.literal.text == "true" ? "false" : "true")
        return .skipChildren
    }

    // MARK: - Statements

    override func visit(_ node: FunctionCallExprSyntax) -> SyntaxVisitorContinueKind {
        let name = node.calledExpression.as(DeclReferenceExprSyntax.self)?.baseName ?? node.calledExpression.as(MemberAccessExprSyntax.self)?.declName.baseName
        guard let name else { return .visitChildren }
        if Self.checks.contains(name.text) { return .skipChildren }
        if node.arguments.count == 2, name.text == "min" || name.text == "max" { add(name, name.text == "min" ? "max" : "min") }
        return .visitChildren
    }

    override func visit(_ node: CodeBlockItemSyntax) -> SyntaxVisitorContinueKind {
        let list = node.parent?.as(CodeBlockItemListSyntax.self)
        let isWhole = list?.count == 1 && (list?.parent?.is(AccessorBlockSyntax.self) == true || list?.parent?.parent?.is(FunctionDeclSyntax.self) == true)
        let isValue = isWhole && returned.last.flatMap(\.self) != nil
        // A closure with `$0` must mention it.
        if !isValue, case .expr(let statement) = node.item, isRemovable(statement) {
            let isShort = list?.parent?.is(ClosureExprSyntax.self) == true && statement.tokens(viewMode: .sourceAccurate).contains { $0.text == "$0" }
            add(statement, isShort ? "_ = $0" : "do {}")
        }
        return .visitChildren
    }

    private func isRemovable(_ statement: ExprSyntax) -> Bool {
        if let call = statement.as(FunctionCallExprSyntax.self) {
            return call.calledExpression.as(DeclReferenceExprSyntax.self).map { !Self.checks.contains($0.baseName.text) } ?? true
        }
        guard let infix = statement.as(InfixOperatorExprSyntax.self) else { return false }
        if isInitializer, infix.leftOperand.trimmedDescription == "self" { return false }
        if isInitializer, infix.leftOperand.tokens(viewMode: .sourceAccurate).contains(where: { unset.contains($0.text) }) { return false }
        return infix.operator.is(AssignmentExprSyntax.self) || ["+=", "-="].contains(infix.operator.trimmedDescription)
    }

    override func visit(_ node: SwitchCaseSyntax) -> SyntaxVisitorContinueKind {
        let only = node.statements.count == 1 ? node.statements.first : nil
        // A single statement is removed above; a value is required in each case.
        if let only, case .expr = only.item { return .visitChildren }
        if node.statements.last?.item.is(ReturnStmtSyntax.self) == true, returned.last.flatMap(\.self) != nil { return .visitChildren }
        if only?.item.is(BreakStmtSyntax.self) != true { add(node.statements, "break") }
        return .visitChildren
    }
}
