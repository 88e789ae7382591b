"""What moto lacks of the versions of documents: their list, their limit, and AWS's refusal of one unknown."""

from moto.core.responses import ActionResult
from moto.ssm.exceptions import SSMException
from moto.ssm.models import Document, SimpleSystemManagerBackend
from moto.ssm.responses import SimpleSystemManagerResponse

#: That AWS keeps of a document.
LIMIT = 1000
_PAGE = 50


class DocumentVersions(SimpleSystemManagerResponse):
    """Methods are named after the API's actions."""

    def update_document(self) -> ActionResult:
        documents = self.ssm_backend._get_documents(self._get_param("Name"))
        if len(documents.versions) >= LIMIT:
            raise SSMException("DocumentVersionLimitExceeded", "The document has too many versions")
        answer: ActionResult = super().update_document()
        return answer

    def list_document_versions(self) -> ActionResult:
        documents = self.ssm_backend._get_documents(self._get_param("Name"))
        newest_first = sorted(documents.versions, key=int, reverse=True)
        start, size = int(self._get_param("NextToken") or 0), int(self._get_param("MaxResults") or _PAGE)
        found = [documents.versions[number] for number in newest_first[start : start + size]]
        answer: dict[str, object] = {
            "DocumentVersions": [_listed(each, documents.default_version) for each in found]
        }
        if start + size < len(newest_first):
            answer["NextToken"] = str(start + size)
        return ActionResult(answer)


def version_of(backend: SimpleSystemManagerBackend, name: str, number: str | None) -> Document:
    """The version that SendCommand asks for."""
    documents = backend._get_documents(name)
    wanted = None if number == "$DEFAULT" else number
    if not documents.exists(wanted):
        raise SSMException("InvalidDocumentVersion", "The document version is not valid or does not exist.")
    return documents.find(wanted)


def _listed(document: Document, default: str) -> dict[str, object]:
    listed = {
        "Name": document.name,
        "DocumentVersion": document.document_version,
        "CreatedDate": document.created_date,
        "IsDefaultVersion": document.document_version == default,
        "DocumentFormat": document.document_format,
        "Status": document.status,
    }
    return {**listed, "VersionName": document.version_name} if document.version_name else listed
