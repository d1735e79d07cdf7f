-- What Quarto does not know of these notebooks: quizzes, solutions, widgets, and that no page asks another host.
-- Quarto runs this on each page of a notebook, in its folder; tests/test_quarto.py runs it with Pandoc alone.

local function raw(html) return pandoc.RawBlock("html", html) end

local function folded(summary, blocks)
  local title = { pandoc.RawInline("html", "<summary>"), pandoc.Str(summary), pandoc.RawInline("html", "</summary>") }
  local all = pandoc.Blocks { raw("<details>"), pandoc.Plain(title) }
  all:extend(blocks)
  all:insert(raw("</details>"))
  return all
end

-- A quiz in the format of jupyterquiz: each answer unfolds what it has to say, without a script.
local function quiz(path)
  local file = assert(io.open(path), "there is no quiz " .. path)
  local questions = pandoc.json.decode(file:read("a"), false)
  file:close()
  local all = pandoc.Blocks {}
  for number, question in ipairs(questions) do
    all:insert(pandoc.Para { pandoc.Strong { pandoc.Str(number .. ". " .. question.question) } })
    for _, answer in ipairs(question.answers) do
      local first = answer.feedback:match("^%a+")
      local said = first == "Yes" or first == "No" or first == "Right"
      local says = said and "" or answer.correct and "Right. " or "No. "
      all:extend(folded(answer.answer, { pandoc.Para { pandoc.Str(says .. answer.feedback) } }))
    end
  end
  return all
end

-- Pictures by the label of the cell that drew them: Quarto gives it to the picture, or to the cell around several.
local function pictures(doc)
  local found = {}
  local function in_block(block)
    local label = block.identifier:gsub("^cell%-", "")
    block:walk { Image = function(image) found[label] = found[label] or image end }
  end
  doc:walk {
    Div = in_block, Figure = in_block,
    Image = function(image) found[image.identifier] = image end,
  }
  return found
end

-- Wherever a cell printed HTML, Quarto loads require.js and jQuery from elsewhere, in case that it needs them.
local function own(raw)
  raw.text = raw.text:gsub('<script[^>]-src="https?://[^>]*>%s*</script>', "")
    :gsub("<script[^>]*>%s*define%('jquery'.-</script>", "")
  return raw
end

local function without_other_hosts(meta)
  local kind = pandoc.utils.type(meta)
  if kind == "List" then return meta:map(without_other_hosts) end
  return (kind == "Blocks" or kind == "Inlines") and meta:walk { RawBlock = own, RawInline = own } or meta
end

function Pandoc(doc)
  if not (FORMAT:match("html") or FORMAT == "revealjs") then return end
  local stills = pictures(doc)
  local function cell(div)
    if div.classes:includes("cell-output-error") then
      -- The stored traceback is the error's last line, which Quarto writes once more.
      return div:walk { CodeBlock = function(code)
        local first, rest = code.text:match("^([^\n]*)\n(.*)$")
        if first and first == rest then code.text = first end
        return code
      end }
    end
    if not div.classes:includes("cell") then return end
    if (div.attributes.tags or ""):find('"solution"', 1, true) then
      div.content = folded("Solution", div.content)
    end
    local still = stills[div.attributes.still or ""]
    if div.attributes.widget and still then
      local picture = pandoc.Image(still.caption, still.src, still.title, { "", still.classes, still.attributes })
      div.content:insert(pandoc.Para { picture })
      local where = "A still: the controls are in Jupyter and on the course's own site."
      div.content:insert(pandoc.Para { pandoc.Emph { pandoc.Str(where) } })
    end
    return div
  end
  doc = doc:walk {
    Div = cell,
    CodeBlock = function(code)
      local path = code.text:match("display_quiz%([\"'](.-)[\"']%)")
      if path then return quiz(path) end
      -- Below a first line such as %%writefile Quarto does not see a cell's options, and shows them.
      if code.text:match("^%%%%") then code.text = code.text:gsub("\n#| [^\n]*", "") return code end
    end,
  }
  doc.meta["header-includes"] = without_other_hosts(doc.meta["header-includes"])
  return doc
end
