//! From the parser's tree to [`Module`].

use std::sync::Arc;

use ruff_python_ast as ast;
use ruff_python_ast::{ExceptHandler, Expr as Parsed, FStringPart, InterpolatedStringElement, Number};
use ruff_text_size::Ranged;

use super::{
    Alias, BinOp, BoolOp, Builds, Call, Class, CmpOp, Comprehension, Expr, ExprKind, Function, Handler,
    ImportFrom, Module, Parameter, ParameterKind, Piece, Stmt, StmtKind, Try, UnaryOp,
};
use crate::python::{self, MAX_SOURCE_BYTES, constants::span, decode};
use crate::text::{ByteSpan, LineIndex};

/// Statements and expressions nested deeper are not part of the tree. Python itself allows 100 blocks
/// and 200 brackets; long chains of `+` nest, too.
pub const MAX_DEPTH: usize = 160;

pub(super) fn module(bytes: &[u8]) -> Module {
    let lines = LineIndex::new(bytes);
    if bytes.len() > MAX_SOURCE_BYTES {
        let error = Some(("it is larger than 1 MiB".to_owned(), 0));
        return Module { text: Arc::from(""), body: Vec::new(), lines, error };
    }
    let source = decode(bytes);
    let read = python::with_module(&source.text, |parsed| {
        let error =
            parsed.errors().first().map(|error| (error.error.to_string(), error.location.start().into()));
        (Reader { depth: 0, yields: false }.block(parsed.suite()), error)
    });
    let (body, error) = read.unwrap_or_else(|deep| {
        (Vec::new(), Some(("its brackets are nested too deep".to_owned(), deep.at as u32)))
    });
    Module { text: Arc::from(&*source.text), body, lines, error }
}

struct Reader {
    depth: usize,
    /// Whether the function read last contains `yield`.
    yields: bool,
}

fn name(identifier: &ast::Identifier) -> Arc<str> {
    Arc::from(identifier.as_str())
}

fn place(node: &impl Ranged) -> ByteSpan {
    span(node.range())
}

impl Reader {
    fn block(&mut self, body: &[ast::Stmt]) -> Vec<Stmt> {
        body.iter().map(|statement| self.statement(statement)).collect()
    }

    fn statement(&mut self, statement: &ast::Stmt) -> Stmt {
        let range = place(statement);
        if self.depth >= MAX_DEPTH {
            return Stmt { span: range, kind: StmtKind::Other };
        }
        self.depth += 1;
        let kind = self.statement_kind(statement);
        self.depth -= 1;
        Stmt { span: range, kind }
    }

    fn statement_kind(&mut self, statement: &ast::Stmt) -> StmtKind {
        use ast::Stmt as S;
        match statement {
            S::Expr(s) => StmtKind::Expr(self.expr(&s.value)),
            S::Assign(s) => StmtKind::Assign(self.exprs(&s.targets), self.expr(&s.value)),
            S::AnnAssign(s) => StmtKind::AnnAssign(
                self.expr(&s.target),
                self.expr(&s.annotation),
                s.value.as_ref().map(|value| self.expr(value)),
            ),
            S::AugAssign(s) => StmtKind::AugAssign(self.expr(&s.target), binary(s.op), self.expr(&s.value)),
            S::If(s) => {
                let mut branches = vec![(self.expr(&s.test), self.block(&s.body))];
                let mut orelse = Vec::new();
                for clause in &s.elif_else_clauses {
                    match &clause.test {
                        Some(test) => branches.push((self.expr(test), self.block(&clause.body))),
                        None => orelse = self.block(&clause.body),
                    }
                }
                StmtKind::If(branches, orelse)
            }
            S::For(s) => StmtKind::For(
                self.expr(&s.target),
                self.expr(&s.iter),
                self.block(&s.body),
                self.block(&s.orelse),
            ),
            S::While(s) => StmtKind::While(self.expr(&s.test), self.block(&s.body), self.block(&s.orelse)),
            S::With(s) => {
                let items = s.items.iter().map(|item| {
                    let target = item.optional_vars.as_ref().map(|target| self.expr(target));
                    (self.expr(&item.context_expr), target)
                });
                let items = items.collect();
                StmtKind::With(items, self.block(&s.body))
            }
            S::Try(s) => StmtKind::Try(Box::new(Try {
                body: self.block(&s.body),
                handlers: s.handlers.iter().map(|handler| self.handler(handler)).collect(),
                orelse: self.block(&s.orelse),
                finally: self.block(&s.finalbody),
            })),
            S::Return(s) => StmtKind::Return(s.value.as_ref().map(|value| self.expr(value))),
            S::Raise(s) => StmtKind::Raise(s.exc.as_ref().map(|value| self.expr(value))),
            S::Delete(s) => StmtKind::Delete(self.exprs(&s.targets)),
            S::Assert(s) => StmtKind::Assert(self.expr(&s.test)),
            S::FunctionDef(s) => StmtKind::Function(Arc::new(self.function(s))),
            S::ClassDef(s) => StmtKind::Class(Arc::new(self.class(s))),
            S::Import(s) => StmtKind::Import(s.names.iter().map(alias).collect()),
            S::ImportFrom(s) => StmtKind::ImportFrom(ImportFrom {
                module: s.module.as_ref().map_or_else(|| Arc::from(""), name),
                names: s.names.iter().map(alias).collect(),
                level: s.level,
            }),
            S::Match(s) => {
                let bodies = s.cases.iter().map(|case| self.block(&case.body)).collect();
                StmtKind::Match(self.expr(&s.subject), bodies)
            }
            S::Global(s) => StmtKind::Global(s.names.iter().map(name).collect()),
            S::Nonlocal(s) => StmtKind::Global(s.names.iter().map(name).collect()),
            S::Pass(_) => StmtKind::Pass,
            S::Break(_) => StmtKind::Break,
            S::Continue(_) => StmtKind::Continue,
            S::TypeAlias(s) => StmtKind::Assign(vec![self.expr(&s.name)], self.expr(&s.value)),
            S::IpyEscapeCommand(_) => StmtKind::Other,
        }
    }

    fn handler(&mut self, handler: &ExceptHandler) -> Handler {
        let ExceptHandler::ExceptHandler(handler) = handler;
        Handler {
            kind: handler.type_.as_ref().map(|kind| self.expr(kind)),
            name: handler.name.as_ref().map(name),
            body: self.block(&handler.body),
        }
    }

    fn function(&mut self, function: &ast::StmtFunctionDef) -> Function {
        let parameters = self.parameters(Some(&function.parameters));
        let decorators = function.decorator_list.iter().map(|d| self.expr(&d.expression)).collect();
        let returns = function.returns.as_ref().map(|returns| self.expr(returns));
        let outer = std::mem::replace(&mut self.yields, false);
        let body = self.block(&function.body);
        let is_generator = std::mem::replace(&mut self.yields, outer);
        Function {
            name: name(&function.name),
            span: place(function),
            parameters,
            body,
            decorators,
            returns,
            is_async: function.is_async,
            is_generator,
        }
    }

    fn lambda(&mut self, lambda: &ast::ExprLambda) -> Function {
        let parameters = self.parameters(lambda.parameters.as_deref());
        let body = self.expr(&lambda.body);
        let range = body.span;
        Function {
            name: Arc::from("<lambda>"),
            span: place(lambda),
            parameters,
            body: vec![Stmt { span: range, kind: StmtKind::Return(Some(body)) }],
            decorators: Vec::new(),
            returns: None,
            is_async: false,
            is_generator: false,
        }
    }

    fn parameters(&mut self, parameters: Option<&ast::Parameters>) -> Vec<Parameter> {
        let Some(all) = parameters else { return Vec::new() };
        let mut read = Vec::new();
        let mut plain = |this: &mut Self, list: &[ast::ParameterWithDefault], kind| {
            for parameter in list {
                let default = parameter.default.as_ref().map(|default| this.expr(default));
                read.push(this.parameter(&parameter.parameter, kind, default));
            }
        };
        plain(self, &all.posonlyargs, ParameterKind::PositionOnly);
        plain(self, &all.args, ParameterKind::Plain);
        if let Some(rest) = &all.vararg {
            read.push(self.parameter(rest, ParameterKind::Rest, None));
        }
        for parameter in &all.kwonlyargs {
            let default = parameter.default.as_ref().map(|default| self.expr(default));
            read.push(self.parameter(&parameter.parameter, ParameterKind::NameOnly, default));
        }
        if let Some(keywords) = &all.kwarg {
            read.push(self.parameter(keywords, ParameterKind::Keywords, None));
        }
        read
    }

    fn parameter(
        &mut self,
        parameter: &ast::Parameter,
        kind: ParameterKind,
        default: Option<Expr>,
    ) -> Parameter {
        let annotation = parameter.annotation.as_ref().map(|annotation| self.expr(annotation));
        Parameter { name: name(&parameter.name), kind, default, annotation }
    }

    fn class(&mut self, class: &ast::StmtClassDef) -> Class {
        let (mut bases, mut keywords) = (Vec::new(), Vec::new());
        if let Some(arguments) = &class.arguments {
            bases = self.exprs(&arguments.args);
            keywords = self.keywords(&arguments.keywords);
        }
        Class {
            name: name(&class.name),
            span: place(class),
            name_span: place(&class.name),
            bases,
            keywords,
            decorators: class.decorator_list.iter().map(|d| self.expr(&d.expression)).collect(),
            body: self.block(&class.body),
        }
    }

    fn keywords(&mut self, keywords: &[ast::Keyword]) -> Vec<(Option<Arc<str>>, Expr)> {
        keywords.iter().map(|keyword| (keyword.arg.as_ref().map(name), self.expr(&keyword.value))).collect()
    }

    fn exprs(&mut self, list: &[Parsed]) -> Vec<Expr> {
        list.iter().map(|item| self.expr(item)).collect()
    }

    fn boxed(&mut self, expr: &Parsed) -> Box<Expr> {
        Box::new(self.expr(expr))
    }

    fn expr(&mut self, expr: &Parsed) -> Expr {
        let range = place(expr);
        if self.depth >= MAX_DEPTH {
            return Expr { span: range, kind: ExprKind::Other };
        }
        self.depth += 1;
        let kind = self.expr_kind(expr);
        self.depth -= 1;
        Expr { span: range, kind }
    }

    fn expr_kind(&mut self, expr: &Parsed) -> ExprKind {
        match expr {
            Parsed::NoneLiteral(_) => ExprKind::None,
            Parsed::EllipsisLiteral(_) => ExprKind::Ellipsis,
            Parsed::BooleanLiteral(e) => ExprKind::Bool(e.value),
            Parsed::NumberLiteral(e) => match &e.value {
                Number::Int(int) => int.as_i64().map_or(ExprKind::Number, ExprKind::Int),
                Number::Float(float) => ExprKind::Float(*float),
                Number::Complex { .. } => ExprKind::Number,
            },
            Parsed::StringLiteral(e) => ExprKind::Str(Arc::from(e.value.to_str())),
            Parsed::BytesLiteral(e) => ExprKind::Bytes(e.value.bytes().collect()),
            Parsed::FString(e) => ExprKind::FString(self.f_string(&e.value)),
            Parsed::Name(e) => ExprKind::Name(Arc::from(e.id.as_str())),
            Parsed::Attribute(e) => ExprKind::Attribute(self.boxed(&e.value), name(&e.attr)),
            Parsed::Subscript(e) => ExprKind::Subscript(self.boxed(&e.value), self.boxed(&e.slice)),
            Parsed::Slice(e) => {
                let part = |this: &mut Self, part: &Option<Box<Parsed>>| part.as_ref().map(|p| this.expr(p));
                ExprKind::Slice(Box::new([part(self, &e.lower), part(self, &e.upper), part(self, &e.step)]))
            }
            Parsed::Call(e) => ExprKind::Call(Box::new(Call {
                callee: self.expr(&e.func),
                args: self.exprs(&e.arguments.args),
                keywords: self.keywords(&e.arguments.keywords),
            })),
            Parsed::Tuple(e) => ExprKind::Tuple(self.exprs(&e.elts)),
            Parsed::List(e) => ExprKind::List(self.exprs(&e.elts)),
            Parsed::Set(e) => ExprKind::Set(self.exprs(&e.elts)),
            Parsed::Dict(e) => {
                let items =
                    e.items.iter().map(|i| (i.key.as_ref().map(|key| self.expr(key)), self.expr(&i.value)));
                ExprKind::Dict(items.collect())
            }
            Parsed::BinOp(e) => ExprKind::Binary(self.boxed(&e.left), binary(e.op), self.boxed(&e.right)),
            Parsed::UnaryOp(e) => {
                let op = match e.op {
                    ast::UnaryOp::Not => UnaryOp::Not,
                    ast::UnaryOp::USub => UnaryOp::Minus,
                    ast::UnaryOp::UAdd => UnaryOp::Plus,
                    ast::UnaryOp::Invert => UnaryOp::Invert,
                };
                ExprKind::Unary(op, self.boxed(&e.operand))
            }
            Parsed::BoolOp(e) => {
                let op = match e.op {
                    ast::BoolOp::And => BoolOp::And,
                    ast::BoolOp::Or => BoolOp::Or,
                };
                ExprKind::Bool2(op, self.exprs(&e.values))
            }
            Parsed::Compare(e) => {
                let right = e.ops.iter().zip(&e.comparators).map(|(op, e)| (compared(*op), self.expr(e)));
                let right = right.collect();
                ExprKind::Compare(self.boxed(&e.left), right)
            }
            Parsed::If(e) => {
                ExprKind::If(Box::new([self.expr(&e.test), self.expr(&e.body), self.expr(&e.orelse)]))
            }
            Parsed::Lambda(e) => ExprKind::Lambda(Arc::new(self.lambda(e))),
            Parsed::ListComp(e) => self.comprehension(Builds::List, &e.elt, None, &e.generators),
            Parsed::SetComp(e) => self.comprehension(Builds::Set, &e.elt, None, &e.generators),
            Parsed::Generator(e) => self.comprehension(Builds::Generator, &e.elt, None, &e.generators),
            Parsed::DictComp(e) => match &e.key {
                Some(key) => self.comprehension(Builds::Dict, key, Some(&e.value), &e.generators),
                None => ExprKind::Other,
            },
            Parsed::Starred(e) => ExprKind::Starred(self.boxed(&e.value)),
            Parsed::Await(e) => ExprKind::Await(self.boxed(&e.value)),
            Parsed::Named(e) => ExprKind::Named(self.boxed(&e.target), self.boxed(&e.value)),
            Parsed::Yield(e) => {
                self.yields = true;
                ExprKind::Yield(e.value.as_ref().map(|value| self.boxed(value)))
            }
            Parsed::YieldFrom(_) => {
                self.yields = true;
                ExprKind::Other
            }
            Parsed::TString(_) | Parsed::IpyEscapeCommand(_) => ExprKind::Other,
        }
    }

    fn comprehension(
        &mut self,
        builds: Builds,
        element: &Parsed,
        value: Option<&Parsed>,
        generators: &[ast::Comprehension],
    ) -> ExprKind {
        ExprKind::Comprehension(Box::new(Comprehension {
            builds,
            element: self.expr(element),
            value: value.map(|value| self.expr(value)),
            generators: generators
                .iter()
                .map(|g| (self.expr(&g.target), self.expr(&g.iter), self.exprs(&g.ifs)))
                .collect(),
        }))
    }

    fn f_string(&mut self, value: &ast::FStringValue) -> Vec<Piece> {
        let mut pieces = Vec::new();
        for part in value {
            match part {
                FStringPart::Literal(text) => pieces.push(Piece::Text(Arc::from(&*text.value))),
                FStringPart::FString(string) => {
                    pieces.extend(string.elements.iter().map(|element| self.piece(element)));
                }
            }
        }
        pieces
    }

    fn piece(&mut self, element: &InterpolatedStringElement) -> Piece {
        match element {
            InterpolatedStringElement::Literal(text) => Piece::Text(Arc::from(&*text.value)),
            InterpolatedStringElement::Interpolation(field) => Piece::Field {
                value: self.expr(&field.expression),
                repr: matches!(field.conversion, ast::ConversionFlag::Repr | ast::ConversionFlag::Ascii),
                format: (self.depth < MAX_DEPTH)
                    .then_some(())
                    .and(field.format_spec.as_ref())
                    .map(|format| format.elements.iter().map(|element| self.piece(element)).collect()),
                debug: field.debug_text.as_ref().map(|debug| {
                    let text = format!("{}{}{}", debug.leading(), debug.expression(), debug.trailing());
                    Arc::from(text)
                }),
            },
        }
    }
}

fn alias(alias: &ast::Alias) -> Alias {
    Alias { name: name(&alias.name), asname: alias.asname.as_ref().map(name), span: place(alias) }
}

fn binary(op: ast::Operator) -> BinOp {
    match op {
        ast::Operator::Add => BinOp::Add,
        ast::Operator::Sub => BinOp::Sub,
        ast::Operator::Mult => BinOp::Mul,
        ast::Operator::Div => BinOp::Div,
        ast::Operator::FloorDiv => BinOp::FloorDiv,
        ast::Operator::Mod => BinOp::Mod,
        ast::Operator::BitOr => BinOp::Or,
        ast::Operator::BitAnd => BinOp::And,
        _ => BinOp::Other,
    }
}

fn compared(op: ast::CmpOp) -> CmpOp {
    match op {
        ast::CmpOp::Eq => CmpOp::Eq,
        ast::CmpOp::NotEq => CmpOp::NotEq,
        ast::CmpOp::Lt => CmpOp::Lt,
        ast::CmpOp::LtE => CmpOp::LtE,
        ast::CmpOp::Gt => CmpOp::Gt,
        ast::CmpOp::GtE => CmpOp::GtE,
        ast::CmpOp::Is => CmpOp::Is,
        ast::CmpOp::IsNot => CmpOp::IsNot,
        ast::CmpOp::In => CmpOp::In,
        ast::CmpOp::NotIn => CmpOp::NotIn,
    }
}
