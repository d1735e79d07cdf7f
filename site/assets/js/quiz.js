/* Keeps score of the quizzes in this browser: what was answered rightly at the first try. Lists of lessons show it as a mark.
   Of each question it stores which answers were opened, in their order, until that decides it. */
const stored = `${COURSE}-quiz`;  // COURSE is the `id` in the course's hugo.toml

const read = () => { try { return JSON.parse(localStorage.getItem(stored)) || {}; } catch { return {}; } };
const write = scores => { try { localStorage.setItem(stored, JSON.stringify(scores)); } catch { /* private windows keep nothing */ } };

const isRight = answer => answer.classList.contains('answer-right');
const answersOf = question => [...question.querySelectorAll('.answer')];

// Right: the first answer, or where several hold all of them, with no wrong one before. Undefined while that is open.
function verdict(question, opened) {
  const answers = answersOf(question);
  const wanted = 'several' in question.dataset ? answers.filter(isRight).length : 1;
  if (opened.some(index => !isRight(answers[index]))) return false;
  return opened.length >= wanted ? true : undefined;
}

function keepScore(quiz) {
  const questions = [...quiz.querySelectorAll('.question')];
  const status = quiz.querySelector('[role="status"]');
  const again = quiz.querySelector('button');
  const nothing = () => questions.map(() => []);
  const before = read()[quiz.dataset.lesson]?.opened;
  let opened = before?.length === questions.length ? before : nothing();

  const draw = () => {
    const verdicts = questions.map((question, index) => verdict(question, opened[index]));
    const answered = verdicts.filter(one => one !== undefined).length;
    const right = verdicts.filter(Boolean).length;
    const left = questions.length - answered;
    status.textContent = !answered ? '' : `${right} of ${answered} at the first try${left ? `, ${left} to go` : ''}.`;
    again.hidden = !opened.flat().length;
    return { opened, answered, right, of: questions.length };
  };

  const keep = score => {
    const scores = read();
    if (score.opened.flat().length) scores[quiz.dataset.lesson] = score;
    else delete scores[quiz.dataset.lesson];
    write(scores);
  };

  // A click, which the keyboard makes too. The browser's own search in the page also opens answers, and doesn't count.
  quiz.addEventListener('click', event => {
    const answer = event.target.closest('summary')?.parentElement;
    if (!answer || answer.open) return;
    const question = questions.findIndex(one => one.contains(answer));
    const index = answersOf(questions[question]).indexOf(answer);
    if (verdict(questions[question], opened[question]) !== undefined || opened[question].includes(index)) return;
    opened[question].push(index);
    keep(draw());
  });

  again.addEventListener('click', () => {
    opened = nothing();
    for (const answer of quiz.querySelectorAll('.answer[open]')) answer.open = false;
    keep(draw());
    quiz.querySelector('summary').focus();
  });

  draw();
  quiz.querySelector('.quiz-score').hidden = false;
}

function mark() {
  const scores = read();
  for (const place of document.querySelectorAll('[data-quiz]')) {
    const score = scores[place.dataset.quiz];
    place.hidden = !score?.answered;
    if (score) place.textContent = `Quiz: ${score.right} of ${score.answered} at the first try` +
      (score.answered < score.of ? `, ${score.of - score.answered} to go` : '');
  }
}

document.querySelectorAll('.quiz').forEach(keepScore);
addEventListener('pageshow', mark); // also when the browser goes back to a list that it kept
