"""Templates: what they may read and use, and that every problem shows before the first request."""

import resource
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalrunner.errors import ConfigError
from evalrunner.project import Project
from evalrunner.prompts import PromptSettings, PromptTemplate, TemplateFile, load_prompt
from evalrunner.prompts._bounds import LONGEST_PROMPT
from evalrunner.types import Case, Message

MOST_SECONDS = 2.0
MOST_MEGABYTES = 400


def case(case_id="c1", **fields):
    return Case(id=case_id, fields={"id": case_id, "input": "hi", **fields}, sha256="0" * 64)


def template(user, *, system=None, path="x.j2"):
    files = [None if text is None else TemplateFile(path, text) for text in (system, user)]
    return PromptTemplate(system=files[0], user=files[1])


def rendered(text, **fields):
    return template(text).render(case(**fields)).messages[0].content


def refusal(text, **fields):
    """The problem that compiling or rendering the template ends in."""
    with pytest.raises(ConfigError) as caught:
        rendered(text, **fields)
    (problem,) = caught.value.problems
    return problem


# --- rendering ----------------------------------------


def test_fields_of_the_case_are_the_variables():
    text = "{{ question }} / {{ meta.level }} / {{ tags[1] }}"

    found = rendered(text, question="Why?", meta={"level": 3}, tags=["a", "b"])

    assert found == "Why? / 3 / b"


def test_value_that_looks_like_a_template_stays_text():
    """B5: a template is rendered once."""
    assert rendered("{{ input }}", input="{{ 7*7 }}{% set x = 1 %}{# no #}") == (
        "{{ 7*7 }}{% set x = 1 %}{# no #}"
    )


@given(
    st.text(alphabet=st.sampled_from("{}%#$ \\\n'\"<>&|`ab7*\u2028\ud800\U0001f600"), max_size=40)
)
def test_any_value_arrives_as_it_is(value):
    """B5, D3: braces, tags, `${}`, quotes, markup and lone surrogates."""
    assert rendered("<{{ input }}>", input=value) == f"<{value}>"


@given(st.lists(st.text(alphabet="{}%# a", max_size=8), min_size=1, max_size=4))
def test_operations_on_values_render_no_value_a_second_time(values):
    """B5: neither `~`, `join`, blocks nor macros."""
    whole = "".join(values)
    text = (
        "{% macro m(x) %}{{ x }}{% endmacro %}{% set b %}{{ xs|join }}{% endset %}"
        "{{ m(xs|join) }}|{{ '' ~ b }}|{% for x in xs %}{{ x }}{% endfor %}"
    )

    assert rendered(text, xs=values) == f"{whole}|{whole}|{whole}"


def test_line_ends_of_values_are_kept():
    """C4: CRLF inside a value is the value."""
    assert rendered("{{ input }}\n", input="a\r\nb\rc") == "a\r\nb\rc"


def test_one_newline_at_the_end_of_the_template_is_dropped():
    assert rendered("{{ input }}\n\n") == "hi\n"


def test_lists_and_objects_are_written_as_json():
    found = rendered("{{ xs }} {{ o }}{{ '' ~ xs }}", xs=["é", None, True], o={"a": "it's"})

    assert found == '["é", null, true] {"a": "it\'s"}["é", null, true]'


def test_tojson_escapes_nothing_for_html():
    assert rendered("{{ x|tojson }}", x={"a": "<b> & 'c'"}) == '{"a": "<b> & \'c\'"}'


def test_field_comes_before_a_method_of_the_same_name():
    assert rendered("{{ order.items|join(', ') }}", order={"items": ["a", "b"]}) == "a, b"


@pytest.mark.parametrize("text", ["{{ x }}", "{{ '' ~ x }}", "{{ [x]|join }}"])
def test_null_is_never_written_as_none(text):
    problem = refusal(text, x=None)

    assert "null" in problem.what
    assert "{{ x or '' }}" in problem.what


def test_null_may_be_tested_and_replaced():
    text = "{{ x or 'nothing' }}{% if x is none %}!{% endif %}"

    assert rendered(text, x=None) == "nothing!"


def test_method_that_was_not_called_is_refused():
    assert "was a method to be called?" in refusal("{{ input.upper }}").what


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "{% for x in xs %}{{ loop.index }}/{{ loop.length }}:{{ x }} {% endfor %}",
            "1/2:3 2/2:4 ",
        ),
        ("{{ xs|map('string')|join('-') }} {{ xs|sum }} {{ (xs|sum) / 2 }}", "3-4 7 3.5"),
        ("{{ o|sum(attribute='a') }} {{ o|map(attribute='a')|list }}", "3 [1, 2]"),
        ("{{ o|selectattr('a', 'gt', 1)|list|length }}{{ o|groupby('a')|length }}", "12"),
        (
            "{{ '%.2f'|format(3.14159) }} {{ '{:>5}'.format('a') }} {{ '%s%%' % 5 }}",
            "3.14     a 5%",
        ),
        (
            "{{ '%(n)s' | format(n=1) }} {{ 2.345|round(2) }} {{ 7 // 2 }} {{ 2 ** 10 }}",
            "1 2.35 3 1024",
        ),
        (
            "{{ 'a b'.split()[1] }}{{ ', '.join(['x', 'y']) }}{{ 'aa'.replace('a', 'b') }}",
            "bx, ybb",
        ),
        ("{{ 'aXa'|replace('a', 'b', 1) }} {{ 'x'[:1] }}{{ 'ab' in 'cab' }}", "bXa xTrue"),
        ("{{ 'a\nb\n\nc'|indent(2) }}", "a\n  b\n\n  c"),
        ("{{ 'a\nb'|indent('> ', first=true) }}", "> a\n> b"),
        ("{{ {'b': [1]}|tojson(indent=1) }}", '{\n "b": [\n  1\n ]\n}'),
        ("{% for k, v in {'a': 1}.items() %}{{ k }}{{ v }}{% endfor %}", "a1"),
        (
            "{% macro m(x) %}<{{ x }}{{ caller() }}>{% endmacro %}{% call m(1) %}!{% endcall %}",
            "<1!>",
        ),
        ("{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}{{ c.next() }}", "aba"),
        ("{% filter upper %}{{ input }}{% endfilter %}{{ 'x' if false }}", "HI"),
        ("{{ missing|default('d') }}{% if missing is defined %}no{% endif %}", "d"),
    ],
)
def test_usual_templates_work(text, expected):
    found = rendered(text, xs=[3, 4], o=[{"a": 1}, {"a": 2}])

    assert found == expected


def test_system_and_user_templates_make_one_prompt():
    prompt = template("{{ input }}", system="Be {{ style }}.").render(case(style="kind"))

    assert prompt.system == "Be kind."
    assert prompt.messages == (Message(role="user", content="hi"),)


def test_without_user_template_text_and_messages_are_sent_as_they_are():
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": [{"type": "text"}]}]

    found = template(None, system="S {{ id }}").render(case(input=turns))

    assert found.system == "S c1"
    assert [(m.role, m.content) for m in found.messages] == [
        ("user", "a"),
        ("assistant", [{"type": "text"}]),
    ]
    assert template(None).render(case(input="x")).messages == (Message(role="user", content="x"),)


@pytest.mark.parametrize(
    "given", [{"q": 1}, [], ["x"], [{"role": "user"}], [{"role": 1, "content": ""}]]
)
def test_input_that_is_no_conversation_needs_a_template(given):
    with pytest.raises(ConfigError, match="must be text or a list of"):
        template(None).render(case(input=given))


# --- the sandbox ----------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
        "{{ cycler['__init__'] }}",
        "{{ self.__init__.__globals__ }}",
        "{{ self._TemplateReference__context }}",
        "{{ namespace.__class__ }}",
        "{{ joiner.__init__.__globals__ }}",
        "{{ range.__class__ }}",
        "{{ input.__class__.__mro__ }}",
        "{{ input['__class__'] }}",
        "{{ ''['__cla' ~ 'ss__'] }}",
        "{{ [input]|map(attribute='__class__')|list }}",
        "{{ [input]|groupby('__class__') }}",
        "{{ '{0.__class__}'.format(input) }}",
        "{{ '{0.__class__}'.format_map({'0': input}) }}",
        "{{ input.format.__self__ }}",
        "{{ (input.upper).__func__ }}",
        "{{ 'x'.encode('idna') }}",
        "{{ [].append(1) }}",
        "{{ {}.update(a=1) }}",
        "{{ lipsum() }}",
        "{{ self }}",
        "{% for k in self %}{{ k }}{% endfor %}",
        "{{ caller }}",
        "{{ input|attr('__class__') }}",
        "{{ [1]|random }}",
        "{{ xs|sum(start=[]) }}",
        "{{ '%s'|format(1, n=1) }}",
        "{% include 'x.j2' %}",
        "{% import 'x.j2' as x %}",
        "{% from 'x.j2' import y %}",
        "{% extends 'x.j2' %}",
    ],
)
def test_template_reaches_neither_python_nor_other_files(text):
    """F4."""
    assert refusal(text, xs=[[1]]).where.startswith("x.j2")


def grown(start, step):
    """A template that applies `step` to `n.x` two hundred times."""
    return loops(200, f"{{% set n.x = {step} %}}", before=f"{{% set n = namespace(x={start}) %}}")


def loops(times, body, *, before=""):
    return f"{before}{{% for i in range({times}) %}}{body}{{% endfor %}}"


_NOTHING = "{% set n = namespace(x=[]) %}"
_BOMBS = {
    "times": "{{ 'a' * 300000000 }}",
    "list times": "{{ [0] * 300000000 }}",
    "power": "{{ 9 ** 99999999 }}",
    "square": grown("7", "n.x * n.x"),
    "powers": grown("7", "n.x ** 64"),
    "center": "{{ 'a'|center(10**9) }}",
    "center method": "{{ 'a'.center(1000000000) }}",
    "ljust": "{{ 'a'.ljust(1000000000) }}",
    "zfill": "{{ 'a'.zfill(1000000000) }}",
    "expandtabs": "{{ '\t'.expandtabs(1000000000) }}",
    "to_bytes": "{{ (1).to_bytes(1000000000, 'big') }}",
    "percent": "{{ '%1000000000d' % 1 }}",
    "percent star": "{{ '%*d' % (1000000000, 1) }}",
    "format filter": "{{ '%1000000000d'|format(1) }}",
    "format": "{{ '{:1000000000}'.format(1) }}",
    "nested format": "{{ '{:{}}'.format('a', 1000000000) }}",
    "format map": "{{ '{a:{b}}'.format_map({'a': 1, 'b': 1000000000}) }}",
    "big fields": "{% set f %}" + loops(90, "{0}") + "{% endset %}{{ f.format(big) }}",
    "many fields": "{% set f %}" + loops(90000, "{0:999}") + "{% endset %}{{ f.format(1) }}",
    "tilde": grown("'a'", "n.x ~ n.x"),
    "plus": grown("'a'", "n.x + n.x"),
    "list plus": grown("[1]", "n.x + n.x"),
    "join": grown("'a'", "[n.x, n.x]|join"),
    "join method": grown("'a'", "''.join([n.x, n.x])"),
    "join on": "{{ range(100000)|join(big) }}",
    "join method on": "{{ big.join(range(100000)|map('string')|list) }}",
    "replace": grown("'a'", "n.x|replace('a', 'aa')"),
    "replace method": grown("'a'", "n.x.replace('a', 'aa')"),
    "format grows": grown("'a'", "'%s%s'|format(n.x, n.x)"),
    "str.format grows": grown("'a'", "'{0}{0}'.format(n.x)"),
    "block grows": loops(
        200, "{% set n.x %}{{ n.x }}{{ n.x }}{% endset %}", before="{% set n = namespace(x='a') %}"
    ),
    "indent": "{{ lines|indent(10**9) }}",
    "indent by text": "{{ lines|indent(big) }}",
    "round": "{{ 1|round(10**9, 'floor') }}",
    "range": "{{ range(10**9)|list }}",
    "loops": loops(100000, loops(100000, "")),
    "loops that write": loops(100000, loops(100000, "x")),
    "output": loops(100000, "{{ big }}"),
    "filter block": "{% filter upper %}" + loops(100000, "{{ big }}") + "{% endfilter %}",
    "kept copies": loops(100000, "{% set n.x = n.x + [big ~ i] %}", before=_NOTHING),
    "kept slices": loops(100000, "{% set n.x = n.x + [big[i:]] %}", before=_NOTHING),
    "endless macro": "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "doubling macro": (
        "{% macro f(n) %}{% if n %}{{ f(n-1) }}{{ f(n-1) }}{% endif %}{% endmacro %}{{ f(60) }}"
    ),
    "sum of lists": "{{ range(100000)|map('list')|sum(start=[]) }}",
    "lipsum": "{{ lipsum(n=1000000) }}",
    "compile time": "{{ ('a'|replace('a', 'b' ~ 'c')|indent(3)) * 1000000000 }}",
}


@pytest.mark.parametrize("name", _BOMBS)
def test_bomb_ends_soon_and_small(name):
    """F4: processor seconds and megabytes of one rendering are bounded, whatever the template."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.thread_time()

    problem = refusal(_BOMBS[name], big="x" * 1_000_000, lines="a\n" * 100_000)

    assert problem.where.startswith("x.j2")
    assert time.thread_time() - start < MOST_SECONDS
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < MOST_MEGABYTES * 1024


def test_large_input_still_makes_a_prompt():
    """C10: ten megabytes of input are no bomb."""
    text = "x" * 10_000_000

    assert len(rendered("Sort: {{ input|trim }}", input=text)) == len(text) + 6


def test_prompt_beyond_the_limit_is_refused_with_its_way_out():
    problem = refusal("{{ input }}", input="x" * (LONGEST_PROMPT + 1))

    assert "20,000,000 characters" in problem.what
    assert problem.hint == "shorten the input"


@pytest.mark.parametrize(
    "text",
    [
        "{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}",
        "".join(f"{{% for a{i} in [1] %}}" for i in range(30)) + "{% endfor %}" * 30,
        "{% if a %}" * 3000 + "{% endif %}" * 3000,
    ],
)
def test_template_nested_beyond_measure_is_refused(text):
    assert "nested too deeply" in refusal(text).what


def test_same_case_gives_the_same_prompt_every_time():
    compiled = template("{{ o }} {{ o|dictsort }} {% for k in o %}{{ k }}{% endfor %}")
    fields = {"o": {"b": 1, "a": [2]}}

    found = {compiled.render(case(**fields)).sha256 for _ in range(3)}

    assert len(found) == 1


# --- problems before the first request ----------------------------------------


def test_missing_field_names_the_cases_and_the_line():
    """C13: which cases, which field, which line, and what fields there are."""
    cases = [case("a", context="x"), case("b"), case("c")]

    (problem,) = template("Hi\n{{ input }}\n{{ context }}").problems(cases, hidden=())

    assert problem.where == "x.j2:3"
    assert "'context' is undefined" in problem.what
    assert "(cases 'b', 'c')" in problem.what
    assert problem.hint == "fields of the cases are: context, id, input"


def test_first_twenty_cases_are_named_and_the_rest_counted():
    cases = [case(f"c{n}") for n in range(1234)] + [case("whole", context="x")]

    (problem,) = template("{{ context }}").problems(cases, hidden=())

    assert problem.what.count("'c") == 21  # 20 cases, and the field
    assert problem.what.endswith(" and 1,214 more)")


def test_field_that_no_case_has_is_one_problem_with_the_nearest_name():
    cases = [case("a", context="x"), case("b", context="y")]

    (problem,) = template("{{ contxt }}").problems(cases, hidden=())

    assert problem.where == "x.j2"
    assert problem.what == "the template reads 'contxt', a field that no case has"
    assert problem.hint == ("did you mean 'context'? fields of the cases are: context, id, input")


def test_field_that_no_case_has_is_found_in_a_branch_that_is_never_taken():
    text = "{{ input }}{% if input == 'never' %}{{ contxt }}{% endif %}"

    (problem,) = template(text).problems([case()], hidden=())

    assert "'contxt', a field that no case has" in problem.what


@pytest.mark.parametrize(
    "text",
    ["{% if hint is defined %}{{ hint }}{% endif %}", "{{ hint|default('') }}{{ range(2)|list }}"],
)
def test_field_asked_for_with_care_need_not_exist(text):
    assert template(text).problems([case()], hidden=()) == []


def test_missing_part_of_a_field_is_a_problem_of_its_cases():
    cases = [case("a", meta={"level": 1}), case("b", meta={})]

    (problem,) = template("{{ meta.level }}").problems(cases, hidden=())

    assert "no attribute 'level' (cases 'b')" in problem.what


def test_problems_that_differ_by_case_are_cut_after_twenty():
    cases = [case(f"c{n}", number=n, x=[]) for n in range(50)]

    problems = template("{{ x[number].y }}").problems(cases, hidden=())

    assert 1 <= len(problems) <= 20


@pytest.mark.parametrize(
    "text",
    [
        "{{ expected_output }}",
        "{% set x = expected_output %}{{ x }}",
        "{% set expected_output = expected_output %}{{ expected_output }}",
        "{% for k in [expected_output] %}{{ k }}{% endfor %}",
        "{% if expected_output == 'a' %}a{% endif %}",
        "{{ expected_output.label }}",
        "{{ {'a': expected_output}['a'] }}",
        "{% macro m() %}{{ expected_output }}{% endmacro %}{{ m() }}",
        "{{ input|replace(expected_output, '') }}",
        "{{ expected_output|default('') }}",
        "{% if false %}{{ expected_output }}{% endif %}",
    ],
)
def test_template_that_reads_the_truth_is_refused(text):
    cases = [case(expected_output={"label": "a"})]

    problems = template(text).problems(cases, hidden={"expected_output", "rubric"})

    (leak,) = [p for p in problems if "scored against" in p.what]
    assert leak.where == "x.j2"
    assert "'expected_output'" in leak.what
    assert "prompt.allow_target=true" in leak.hint


@pytest.mark.parametrize("name", ["range", "cycler", "namespace", "dict", "joiner", "loop"])
def test_truth_is_refused_under_a_name_that_jinja_uses_too(name):
    """A field hides the function of the same name."""
    cases = [case(**{name: "secret"})]

    problems = template(f"{{{{ {name} }}}}").problems(cases, hidden={name})

    assert [p.what for p in problems if "scored against" in p.what]


def test_system_template_is_checked_like_the_user_template():
    compiled = PromptTemplate(
        system=TemplateFile("s.j2", "{{ rubric }}"), user=TemplateFile("u.j2", "{{ input }}")
    )

    problems = compiled.problems([case(rubric="be kind")], hidden={"rubric"})

    assert [problem.where for problem in problems] == ["s.j2"]


def test_truth_inside_a_local_name_is_no_leak():
    text = "{% for rubric in [1, 2] %}{{ rubric }}{% endfor %}"

    assert template(text).problems([case()], hidden={"rubric"}) == []


# --- files ----------------------------------------


def load(tmp_path, data, *, name="prompts/x.j2", **settings):
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return load_prompt(PromptSettings(user=name, **settings), Project(tmp_path))


def test_byte_order_mark_is_no_part_of_the_prompt(tmp_path):
    """C3, for templates."""
    prompt = load(tmp_path, b"\xef\xbb\xbfHi {{ input }}").render(case())

    assert prompt.messages[0].content == "Hi hi"


def test_windows_line_ends_of_a_template_ask_the_same_question(tmp_path):
    unix = load(tmp_path, b"a\n{{ input }}\n\nb\n", name="unix.j2")
    windows = load(tmp_path, b"a\r\n{{ input }}\r\n\r\nb\r\n", name="windows.j2")

    assert windows.render(case()).sha256 == unix.render(case()).sha256
    assert windows.files[0].sha256 == unix.files[0].sha256


def test_template_that_is_not_utf8_names_the_byte(tmp_path):
    """C5, for templates."""
    with pytest.raises(ConfigError, match=r"prompts/x\.j2: not UTF-8: byte 1 is 0xe9"):
        load(tmp_path, b"h\xe9")


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("a\n\n{{ b }", 3, "unexpected '}'"),
        ("{% if a %}\n{{ a }}\n", 2, "Unexpected end of template"),
        ("\n{% elseif %}", 2, "Encountered unknown tag 'elseif'"),
        ("\n\n\n{{ a|shout }}", 4, "No filter named 'shout'"),
        ("{{ a is shouted }}", 1, "No test named 'shouted'"),
        ('{"score": 1, {% }', 1, "unexpected '}'"),
    ],
)
def test_syntax_error_names_file_and_line(tmp_path, text, line, what):
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text.encode())

    (problem,) = caught.value.problems
    assert problem.where == f"prompts/x.j2:{line}"
    assert what in problem.what
    assert problem.hint


def test_problems_of_both_templates_come_together(tmp_path):
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, b"{{ a", system="prompts/none.j2")

    assert [problem.where for problem in caught.value.problems] == [
        "prompt.system",
        "prompts/x.j2:1",
    ]


def test_absolute_path_is_taken_from_the_command_line_only(tmp_path):
    path = tmp_path / "elsewhere.j2"
    path.write_text("{{ input }}")
    settings, project = PromptSettings(user=str(path)), Project(tmp_path / "project")

    with pytest.raises(ConfigError, match="is absolute"):
        load_prompt(settings, project)

    assert load_prompt(settings, project, typed=["prompt.user"]).render(case())


def test_shipped_templates_are_found_without_a_project_of_their_own(tmp_path):
    prompt = load_prompt(PromptSettings(), Project(tmp_path)).render(case())

    assert prompt.messages == (Message(role="user", content="hi"),)


def test_unreadable_template_is_a_problem(tmp_path, monkeypatch):
    (tmp_path / "x.j2").write_text("x")

    def refuse(self):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.read_bytes", refuse)

    with pytest.raises(ConfigError, match=r"x\.j2: cannot be read: Permission denied"):
        load_prompt(PromptSettings(user="x.j2"), Project(tmp_path))
